"""Bots that listen for a WebSocket: a caller comes, talks and is talked to; others are turned away; nobody comes."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pipecat.frames.frames import OutputAudioRawFrame
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from botsession_contract.control import READYZ_PATH, SessionPatch, SessionSnapshot
from botsession_contract.lifecycle import BotState, Cause, Farewell, Outcome, Phase, Reason, final_phase
from botsession_contract.session_limits import SessionLimits
from botsession_contract.transports import TelephonyProvider, Transport, TransportType
from tests import telephones
from tests.ports import free_port
from tests.supervision import PATIENCE, Supervised, supervised
from tests.telephones import Telephone
from tests.tones import RATE, loudness, tone

ENOUGH = {"hangs_up": 0.5}
#: What the bots' greeting takes, in seconds, and a little less: resamplers keep some of it to themselves.
GREETING = 0.9
#: Longer than any test waits.
LONG = 3600.0


@asynccontextmanager
async def line(folder: Path, provider: TelephonyProvider | None = None, **launch: Any) -> AsyncIterator[Supervised]:
    """Return a bot that listens."""
    transport = Transport(TransportType.WEBSOCKET, provider=provider, host="127.0.0.1", port=free_port())
    async with supervised(folder, "answers.py", transport=transport, **{"body": ENOUGH, **launch}) as session:
        await session.until(is_listening)
        yield session


def is_listening(snapshot: SessionSnapshot) -> bool:
    return snapshot.listening_at is not None


def address(session: Supervised) -> str:
    return f"127.0.0.1:{session.fields['transport'].port}"


def call(session: Supervised, path: str = "/ws") -> connect:
    return connect(f"ws://{address(session)}{path}", proxy=None, open_timeout=PATIENCE)


async def asked(session: Supervised, path: str) -> str:
    """Return the answer to a provider that asks what to do with a call."""
    url, headers = f"http://{address(session)}{path}", {"Host": "bots.example.com"}
    async with aiohttp.ClientSession() as http, http.post(url, headers=headers) as response:
        return await response.text()


async def say(connection: ClientConnection, sound: bytes) -> None:
    """Speak as Pipecat's own clients do."""
    await connection.send(await ProtobufFrameSerializer().serialize(OutputAudioRawFrame(sound, RATE, 1)) or b"")


async def listen(connection: ClientConnection) -> bytes:
    """Return all that is heard until the bot hangs up."""
    frames = [await ProtobufFrameSerializer().deserialize(message) async for message in connection]
    return b"".join(getattr(frame, "audio", b"") for frame in frames)


@pytest.mark.parametrize("path", ["/ws", "/ws-client"])
async def test_caller_and_bot_hear_each_other(tmp_path: Path, path: str) -> None:
    async with line(tmp_path) as session:
        async with call(session, path) as connection:
            await say(connection, tone(0.6))
            heard = await listen(connection)
        report = await session.report()
    assert loudness(heard) > 5000
    assert len(heard) >= GREETING * RATE * 2
    assert "heard 0.5 s of sound" in session.log
    assert (report.reason, report.outcome, report.message) == (Reason.COMPLETED, Outcome.DRAINED, "heard enough")
    assert (report.exit_code, report.dangling_tasks.count) == (0, 0)


async def test_bot_is_given_what_pipecats_own_runner_gives_it(tmp_path: Path) -> None:
    async with line(tmp_path) as session, call(session) as connection:
        await say(connection, tone(0.6))
        await session.report()
    assert f"arguments WebSocketRunnerArguments session {ENOUGH}" in session.log
    assert "call websocket None" in session.log


async def test_bot_that_listens_is_ready_and_has_not_started(tmp_path: Path) -> None:
    async with line(tmp_path) as session:
        snapshot = await session.snapshot()
        async with session.http.get(READYZ_PATH) as response:
            assert response.status == 200
    assert (snapshot.state, snapshot.started_at, snapshot.called_at) == (BotState.STARTING, None, None)


async def test_second_caller_is_refused_and_the_first_talks_on(tmp_path: Path) -> None:
    async with line(tmp_path) as session, call(session) as first:
        await session.running()
        with pytest.raises(InvalidStatus) as refused:
            async with call(session):
                pass
        await say(first, tone(0.6))
        report = await session.report()
    assert refused.value.response.status_code == 409
    assert b"a session is one conversation" in refused.value.response.body
    assert report.reason is Reason.COMPLETED


async def test_caller_who_hangs_up_has_disconnected(tmp_path: Path) -> None:
    async with line(tmp_path) as session:
        async with call(session):
            await session.running()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, Outcome.CANCELLED)


async def test_nobody_calls_within_the_join_timeout(tmp_path: Path) -> None:
    async with line(tmp_path, limits=SessionLimits(join_timeout_seconds=LONG)) as session:
        await session.patch(SessionPatch(limits=SessionLimits(join_timeout_seconds=0.1)))
        report = await session.report()
    assert (report.reason, report.outcome, report.message) == (
        Reason.NO_CLIENT,
        Outcome.NEVER_STARTED,
        "no caller had connected",
    )
    assert report.ending is not None
    assert (report.ending.cause, report.ending.farewell) == (Cause.NO_CLIENT, Farewell.NOT_CONFIGURED)
    assert final_phase(report.reason, report.outcome) is Phase.SUCCEEDED
    assert session.process.returncode == 0


async def test_pipeline_that_is_slow_to_start_is_no_no_show(tmp_path: Path) -> None:
    limits = SessionLimits(join_timeout_seconds=LONG)
    async with line(tmp_path, limits=limits, body={"delay": 1.5, **ENOUGH}) as session, call(session) as connection:
        await session.until(lambda snapshot: snapshot.called_at is not None)
        # The one is in the past at once, and would strike; by the other a caller who is there may be noticed late.
        await session.patch(SessionPatch(limits=SessionLimits(join_timeout_seconds=0.1)))
        await session.patch(SessionPatch(limits=limits))
        await say(connection, tone(0.6))
        report = await session.report()
    assert report.reason is Reason.COMPLETED


async def test_session_that_waits_for_its_caller_can_be_ended(tmp_path: Path) -> None:
    async with line(tmp_path) as session:
        await session.end()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.NEVER_STARTED)
    assert report.message == "no caller had connected"


async def test_caller_hears_the_graceful_end(tmp_path: Path) -> None:
    async with line(tmp_path, body={}) as session, call(session) as connection:
        await (await session.running()).end()
        await listen(connection)
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.DRAINED)


async def test_port_that_somebody_else_has_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        transport = Transport(TransportType.WEBSOCKET, host="127.0.0.1", port=port)
        async with supervised(tmp_path, "answers.py", transport=transport) as session:
            report = await session.report()
    assert report.reason is Reason.BOT_ERROR
    assert report.message == f"cannot listen on port {port}: Address already in use"


async def test_bot_that_raises_before_its_pipeline_runs(tmp_path: Path) -> None:
    transport = Transport(TransportType.WEBSOCKET, host="127.0.0.1", port=free_port())
    async with supervised(tmp_path, "crashes_early.py", transport=transport) as session:
        await session.until(is_listening)
        async with call(session):
            report = await session.report()
    assert report.reason is Reason.BOT_ERROR


@pytest.mark.parametrize("provider", list(TelephonyProvider))
async def test_telephone_call_of_each_provider(tmp_path: Path, provider: TelephonyProvider) -> None:
    async with line(tmp_path, provider) as session:
        async with call(session) as connection:
            telephone = Telephone(provider, connection)
            await telephone.dial()
            await telephone.say(tone(0.6))
            heard = await telephone.listen()
        report = await session.report()
    assert loudness(heard) > 5000
    assert len(heard) >= GREETING * RATE * 2
    assert f"call {provider} " in session.log
    assert f"call_id='{telephones.CALL}'" in session.log
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)


@pytest.mark.parametrize(
    ("provider", "stream"),
    [
        (TelephonyProvider.TWILIO, '<Stream url="wss://bots.example.com/ws"></Stream>'),
        (TelephonyProvider.TELNYX, '<Stream url="wss://bots.example.com/ws" bidirectionalMode="rtp"></Stream>'),
        (TelephonyProvider.PLIVO, 'contentType="audio/x-mulaw;rate=8000">wss://bots.example.com/ws</Stream>'),
        (TelephonyProvider.EXOTEL, '"websocket_url":"wss://bots.example.com/ws"'),
    ],
)
async def test_provider_is_told_where_to_connect_a_call(
    tmp_path: Path, provider: TelephonyProvider, stream: str
) -> None:
    async with line(tmp_path, provider) as session:
        assert stream in await asked(session, "/")


async def test_public_address_of_a_session_may_have_a_path(tmp_path: Path) -> None:
    transport = Transport(
        TransportType.WEBSOCKET, provider=TelephonyProvider.TWILIO, host="127.0.0.1", port=free_port()
    )
    session = supervised(tmp_path, "answers.py", transport=transport, body=ENOUGH)
    session.env["BOTSESSION_URL"] = "wss://bots.example.com/calls/support-42/ws"
    async with session:
        await session.until(is_listening)
        assert 'url="wss://bots.example.com/calls/support-42/ws"' in await asked(session, "/calls/support-42/")
        async with call(session, "/calls/support-42/ws") as connection:
            await Telephone(TelephonyProvider.TWILIO, connection).dial()
            await session.running()
