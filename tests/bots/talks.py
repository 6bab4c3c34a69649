"""A bot whose conversation is played to it. It says on stdout what it would say aloud.

`body`: {"transport": "reports" | "silent" | none, "client": seconds until one connects, "frames": [names, one pushed
every 0.1 s], "times": how often over, "echoes": true when its voice is seen, "answers": how many of its sentences the
caller answers, "own_idle": Pipecat's idle timeout}
"""

import asyncio

from mute_transport import MuteInput
from pipecat.frames import frames
from pipecat.frames.frames import ClientConnectedFrame, DataFrame
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_transport import TransportParams
from quiet import PassThrough, make_worker, run
from tts import ToneTTS


class GameMoveFrame(DataFrame):
    """A frame of the bot's own."""


class ReportingInput(BaseInputTransport):
    """A transport that says when a client connects, as this module's import of the frame shows."""


class Echo(ToneTTS):
    """Is seen to speak what it says, and may be answered."""

    def __init__(self, answers):
        super().__init__()
        self._answers = answers

    async def process_frame(self, frame, direction):
        """Follow a sentence by the frame that stands for sound."""
        await super().process_frame(frame, direction)
        if isinstance(frame, frames.TTSSpeakFrame):
            await self.push_frame(frames.BotSpeakingFrame())
            if self._answers:
                self._answers -= 1
                await self.push_frame(frames.UserSpeakingFrame())


async def converse(voice, body):
    """Play the other side."""
    if "client" in body:
        await asyncio.sleep(body["client"])
        await voice.push_frame(ClientConnectedFrame())
    for name in body.get("frames", []) * body.get("times", 1):
        kind = getattr(frames, name, GameMoveFrame)
        await voice.push_frame(kind("hello", "caller", "now") if "Transcription" in name else kind())
        await asyncio.sleep(0.1)
    # The hook tells of activity up to half a second later; the loop keeps the order of the two.
    await asyncio.sleep(0.6)
    print("fell silent", flush=True)


async def bot(runner_args):
    """Run until ended."""
    body = runner_args.body
    voice = Echo(body.get("answers", 0)) if body.get("echoes") else ToneTTS()
    transport = {"reports": ReportingInput, "silent": MuteInput}.get(body.get("transport"))
    processors = [*([transport(TransportParams())] if transport else []), voice, PassThrough()]
    worker = make_worker(*processors, idle_timeout_secs=body.get("own_idle"))

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        asyncio.get_running_loop().create_task(converse(voice, body))

    print(f"told {runner_args.pipeline_idle_timeout_secs}", flush=True)
    await run(worker)
