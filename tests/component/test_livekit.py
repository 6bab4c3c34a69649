"""A bot that joins a LiveKit room, of a real server: a client in the room hears it, and it hears the client."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from livekit import api, rtc

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.transports import Transport, TransportType
from tests.ports import free_port
from tests.supervision import PATIENCE, ROOT, supervised
from tests.tones import loudness, tone

KEY, SECRET = "test", "a-secret-that-is-long-enough-for-hmac"
ROOM: Final = "support-42"
RATE: Final = 48000


@pytest.fixture(scope="module")
def livekit_server() -> Path:
    """Return the server's program, made from its Go module where it is missing."""
    made = subprocess.run([ROOT / "hack/tools", "livekit-server"], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return ROOT / ".tools/bin/livekit-server"


@pytest.fixture
async def url(livekit_server: Path, tmp_path: Path) -> AsyncIterator[str]:
    """Return a server's address."""
    port, tcp, udp = free_port(), free_port(), free_port()
    rtc_config = f"{{tcp_port: {tcp}, udp_port: {udp}, node_ip: 127.0.0.1, enable_loopback_candidate: true}}"
    config = f"port: {port}\nbind_addresses: [127.0.0.1]\nkeys: {{{KEY}: {SECRET}}}\nrtc: {rtc_config}\n"
    with (tmp_path / "livekit.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            livekit_server, "--config-body", config, stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        await answers(f"http://127.0.0.1:{port}")
        yield f"ws://127.0.0.1:{port}"
    finally:
        server.kill()
        await server.wait()


async def answers(address: str) -> None:
    """Wait until a server answers."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(address):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


def token(identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room=ROOM)
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(grants).to_jwt()


@asynccontextmanager
async def participant(url: str) -> AsyncIterator["asyncio.Future[int]"]:
    """Be in the room, and speak to whoever can be heard; give how loud the first sound is that is heard there.

    A bot greets who comes into its room, who may not have been put through to its voice by then.
    """
    room, heard = rtc.Room(), asyncio.get_running_loop().create_future()
    source = rtc.AudioSource(RATE, 1)
    tasks: list[asyncio.Task[None]] = []

    @room.on("track_subscribed")
    def subscribed(track: rtc.Track, *_: object) -> None:
        tasks.extend(map(asyncio.create_task, (listen(rtc.AudioStream(track), heard), speak(source))))

    await room.connect(url, token("caller"), rtc.RoomOptions(connect_timeout=PATIENCE))
    await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("voice", source))
    try:
        yield heard
    finally:
        await room.disconnect()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def speak(source: rtc.AudioSource) -> None:
    """Say a tone for as long as somebody may listen."""
    sound = tone(0.02, RATE)
    while True:
        await source.capture_frame(rtc.AudioFrame(sound, RATE, 1, RATE // 50))


async def listen(stream: rtc.AudioStream, heard: "asyncio.Future[int]") -> None:
    async for event in stream:
        volume = loudness(bytes(event.frame.data))
        if volume > 1000 and not heard.done():
            heard.set_result(volume)


async def test_bot_joins_its_room_and_both_sides_hear_each_other(tmp_path: Path, url: str) -> None:
    transport = Transport(TransportType.LIVEKIT, room_name=ROOM, url=url)
    session = supervised(tmp_path, "answers.py", transport=transport, body={"hangs_up": 1.0, "goodbye": True})
    session.env["BOTSESSION_TOKEN"] = token("bot")
    async with session:
        await session.running()
        async with participant(url) as heard, asyncio.timeout(PATIENCE):
            assert await heard > 1000
            report = await session.report()
    assert "heard 1.0 s of sound" in session.log
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)
    assert report.client_connected_at is not None


async def test_client_who_leaves_the_room_has_disconnected(tmp_path: Path, url: str) -> None:
    transport = Transport(TransportType.LIVEKIT, room_name=ROOM, url=url)
    session = supervised(tmp_path, "answers.py", transport=transport, body={})
    session.env["BOTSESSION_TOKEN"] = token("bot")
    async with session:
        await session.running()
        async with participant(url):
            await session.in_call()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, Outcome.CANCELLED)
