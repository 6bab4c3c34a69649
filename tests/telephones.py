"""The far end of a telephone provider's media stream, from what each provider documents of its messages.

Twilio: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import base64
import json
from contextlib import suppress
from typing import Any, Final

from pipecat.audio.resamplers.soxr_resampler import SOXRAudioResampler
from pipecat.audio.utils import pcm_to_ulaw, ulaw_to_pcm
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedOK

from botsession_contract.transports import TelephonyProvider
from tests.tones import RATE

STREAM: Final = "MZ0123456789abcdef0123456789abcdef"
CALL: Final = "CA0123456789abcdef0123456789abcdef"
#: 20 ms of 8-bit samples, as a telephone network carries them.
FRAME_BYTES: Final = RATE // 50
MULAW: Final = {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1}

#: What each provider says first.
GREETINGS: Final[dict[TelephonyProvider, tuple[dict[str, Any], ...]]] = {
    TelephonyProvider.TWILIO: (
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
        {
            "event": "start",
            "sequenceNumber": "1",
            "start": {
                "accountSid": "AC0123456789abcdef0123456789abcdef",
                "streamSid": STREAM,
                "callSid": CALL,
                "tracks": ["inbound"],
                "mediaFormat": MULAW,
                "customParameters": {},
            },
            "streamSid": STREAM,
        },
    ),
    TelephonyProvider.TELNYX: (
        {"event": "connected", "version": "1.0.0"},
        {
            "event": "start",
            "sequence_number": "1",
            "start": {
                "call_control_id": CALL,
                "from": "+15550100",
                "to": "+15550199",
                "media_format": {"encoding": "PCMU", "sample_rate": RATE, "channels": 1},
            },
            "stream_id": STREAM,
        },
    ),
    TelephonyProvider.PLIVO: (
        {
            "sequenceNumber": 0,
            "event": "start",
            "start": {
                "callId": CALL,
                "streamId": STREAM,
                "accountId": "MA01",
                "tracks": ["inbound"],
                "mediaFormat": MULAW,
            },
        },
    ),
    TelephonyProvider.EXOTEL: (
        {"event": "connected"},
        {
            "event": "start",
            "sequence_number": "1",
            "stream_sid": STREAM,
            "start": {
                "stream_sid": STREAM,
                "call_sid": CALL,
                "account_sid": "example1",
                "from": "+15550100",
                "to": "+15550199",
                "media_format": {"encoding": "base64", "sample_rate": str(RATE), "bit_rate": "128kbps"},
            },
        },
    ),
}


class Telephone:
    """A call that a provider has put through to a bot's WebSocket."""

    def __init__(self, provider: TelephonyProvider, connection: ClientConnection) -> None:
        self._provider = provider
        self._connection = connection
        self._chunks = 0

    async def dial(self) -> None:
        """Say who calls."""
        for message in GREETINGS[self._provider]:
            await self._send(message)

    async def say(self, sound: bytes) -> None:
        """Speak: 16-bit samples go in frames of 20 ms. A bot that has heard enough may hang up meanwhile."""
        line = sound if self._is_linear else await pcm_to_ulaw(sound, RATE, RATE, SOXRAudioResampler())
        size = FRAME_BYTES * (2 if self._is_linear else 1)
        with suppress(ConnectionClosedOK):
            for start in range(0, len(line), size):
                await self._media(line[start : start + size])

    async def listen(self) -> bytes:
        """Return what is heard until the bot hangs up, as 16-bit samples."""
        messages = [json.loads(each) async for each in self._connection]
        media = [each["media"]["payload"] for each in messages if each.get("event") in ("media", "playAudio")]
        line = b"".join(base64.b64decode(each) for each in media)
        return line if self._is_linear else await ulaw_to_pcm(line, RATE, RATE, SOXRAudioResampler())

    async def hang_up(self) -> None:
        """Say that the call is over."""
        await self._send({"event": "stop", "streamSid": STREAM, "stop": {"callSid": CALL}})

    @property
    def _is_linear(self) -> bool:
        return self._provider is TelephonyProvider.EXOTEL

    async def _media(self, chunk: bytes) -> None:
        self._chunks += 1
        payload = {"track": "inbound", "chunk": str(self._chunks), "payload": base64.b64encode(chunk).decode()}
        ids = {"streamSid": STREAM, "stream_id": STREAM, "streamId": STREAM, "stream_sid": STREAM}
        await self._send({"event": "media", "media": payload, **ids})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._connection.send(json.dumps(message))
