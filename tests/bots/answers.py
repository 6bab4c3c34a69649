"""A bot that is given its transport: it greets whoever comes with a tone, and listens.

`body`: {"hangs_up": after so many seconds of sound from the caller, "goodbye": true to say a word before that, "delay":
seconds before it makes its pipeline}
"""

import array
import asyncio
import os

from pipecat.frames.frames import EndFrame, InputAudioRawFrame, TTSSpeakFrame
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.runner.utils import create_transport
from pipecat.transports.base_transport import TransportParams
from quiet import make_worker, run
from tts import ToneTTS

#: Telephones and WebSockets agree on 8 kHz; WebRTC and rooms resample.
RATE = 8000
LOUD = 1000


class Ear(FrameProcessor):
    """Adds up how long it has heard sound, and calls when that is long enough."""

    def __init__(self, enough, done):
        super().__init__()
        self._enough = enough
        self._done = done
        self._heard = 0.0

    async def process_frame(self, frame, direction):
        """Listen, and pass everything on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame) and max(map(abs, array.array("h", frame.audio)), default=0) > LOUD:
            before, self._heard = self._heard, self._heard + len(frame.audio) / 2 / frame.sample_rate
            if before < self._enough <= self._heard:
                print(f"heard {self._enough} s of sound", flush=True)
                await self._done()
        await self.push_frame(frame, direction)


def websocket_params():
    """Return a WebSocket's parameters; a telephone's serializer is put in by Pipecat."""
    from pipecat.serializers.protobuf import ProtobufFrameSerializer
    from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams

    return FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=ProtobufFrameSerializer())


def livekit_params():
    """Return a LiveKit room's parameters."""
    from pipecat.transports.livekit.transport import LiveKitParams

    return LiveKitParams(audio_in_enabled=True, audio_out_enabled=True)


# Pipecat has providers hang up by their API too, and wants to know an account. There is none, and nobody is asked.
ACCOUNT = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TELNYX_API_KEY", "PLIVO_AUTH_ID", "PLIVO_AUTH_TOKEN")
os.environ |= dict.fromkeys(ACCOUNT, "none")

KINDS = dict.fromkeys(("websocket", "twilio", "telnyx", "plivo", "exotel"), websocket_params)
KINDS |= {"webrtc": lambda: TransportParams(audio_in_enabled=True, audio_out_enabled=True), "livekit": livekit_params}


def ask_nobody_to_hang_up(transport):
    """Leave it at closing the connection."""
    serializer = getattr(getattr(transport, "_params", None), "serializer", None)
    if hasattr(getattr(serializer, "_params", None), "auto_hang_up"):
        serializer._params.auto_hang_up = False


async def bot(runner_args):
    """Hold one conversation."""
    body = runner_args.body
    await asyncio.sleep(body.get("delay", 0))
    transport = await create_transport(runner_args, KINDS)
    ask_nobody_to_hang_up(transport)
    # Each in one piece: the supervisor writes to the same stream, and print writes its arguments one by one.
    print(f"arguments {type(runner_args).__name__} {runner_args.session_id} {body}", flush=True)
    kind, data = getattr(runner_args, "transport_type", None), getattr(runner_args, "call_data", None)
    print(f"call {kind} {data}", flush=True)

    async def enough():
        if body.get("goodbye"):
            await worker.queue_frame(TTSSpeakFrame("goodbye"))
        if "hangs_up" in body:
            await worker.queue_frame(EndFrame(reason="heard enough"))

    worker = make_worker(
        transport.input(),
        Ear(body.get("hangs_up", 0.5), enough),
        ToneTTS(1.0),
        transport.output(),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
    )

    async def greet(*_):
        await worker.queue_frame(TTSSpeakFrame("hello"))

    async def end(*_):
        await worker.cancel()

    transport.add_event_handler("on_client_connected", greet)
    transport.add_event_handler("on_client_disconnected", end)
    await run(worker)
