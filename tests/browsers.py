"""A WebRTC client, as a browser is one: it offers a connection, listens, and answers with a tone."""

import asyncio
import fractions
from typing import Any, Self

import aiohttp
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from av.audio.resampler import AudioResampler

from tests.tones import loudness, tone

RATE = 48000
#: A frame of 20 ms, as WebRTC sends them.
SAMPLES = RATE // 50
#: What is louder is no silence.
LOUD = 3000


class ToneTrack(MediaStreamTrack):
    """A microphone that hears nothing until it is told to, a tone for a while then, and nothing after that."""

    kind = "audio"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._sound = tone(seconds, RATE)
        self._sent = 0
        self._begun_at: int | None = None

    def begin(self) -> None:
        """Hear the tone from now on."""
        if self._begun_at is None:
            self._begun_at = self._sent

    async def recv(self) -> AudioFrame:
        """Return the next frame when it is due."""
        await asyncio.sleep(SAMPLES / RATE)
        start = len(self._sound) if self._begun_at is None else (self._sent - self._begun_at) * 2
        samples = np.frombuffer(self._sound[start : start + SAMPLES * 2].ljust(SAMPLES * 2, b"\0"), dtype=np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, fractions.Fraction(1, RATE)
        self._sent += SAMPLES
        return frame


class Browser:
    """One client, which speaks when it is spoken to; use it as a context."""

    def __init__(self, url: str, seconds: float = 10.0) -> None:
        self._url = f"{url}/api/offer"
        self._peer = RTCPeerConnection()
        self._voice = ToneTrack(seconds)
        self._peer.addTrack(self._voice)
        self._heard = b""
        self._listening: asyncio.Task[None] | None = None
        self.pc_id: str | None = None
        self._peer.on("track", self._listen)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._peer.close()
        if self._listening:
            # Not awaited for its own end: a track that is closed while the connection is still being made never ends.
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def offer(self, **more: Any) -> int:
        """Offer a connection, and take the answer; give the answer's status."""
        status, answer = await self.ask(**more)
        if answer:
            self.pc_id = answer["pc_id"]
            await self._peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        return status

    async def ask(self, **more: Any) -> tuple[int, dict[str, Any] | None]:
        """Offer a connection; give the answer and its status. Nothing is connected while the answer is not taken."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        mine = self._peer.localDescription
        body: dict[str, Any] = {"sdp": mine.sdp, "type": mine.type, "pc_id": self.pc_id, **more}
        async with aiohttp.ClientSession() as http, http.post(self._url, json=body) as response:
            return response.status, await response.json() if response.status == 200 else None

    async def tell_candidates(self, pc_id: str | None) -> int:
        """Tell of more addresses, of which there are none; give the answer's status."""
        body: dict[str, Any] = {"pc_id": pc_id, "candidates": []}
        async with aiohttp.ClientSession() as http, http.patch(self._url, json=body) as response:
            return response.status

    def heard(self) -> bytes:
        """Return what has been heard, as 16-bit samples at the rate of the tones."""
        return self._heard

    def _listen(self, track: Any) -> None:
        self._listening = asyncio.create_task(self._take(track))

    async def _take(self, track: Any) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=8000)
        try:
            while True:
                for frame in resampler.resample(await track.recv()):
                    sound = frame.to_ndarray().tobytes()
                    self._heard += sound
                    if loudness(sound) > LOUD:
                        self._voice.begin()
        except MediaStreamError:
            return  # the other side has hung up
