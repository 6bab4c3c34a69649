"""A bot whose model ends the conversation by calling a tool.

`body`: {"how": "push" | "push upstream" | "queue" | "answer first" | "cancel" | "speak first", "defers": seconds for
which the model holds the EndFrame, as a speech-to-speech model does until its turn is over, "keeps": frames that a
processor never hands on}
"""

import asyncio

from line import Keeper, Line, Model, ToneTTS, make_worker, run, scene
from pipecat.frames.frames import EndFrame, EndWorkerFrame, OutputAudioRawFrame, TTSSpeakFrame
from pipecat.processors.frame_processor import FrameDirection

TENTH = OutputAudioRawFrame(audio=b"\x00\x10" * 1600, sample_rate=16000, num_channels=1)


class LiveModel(Model):
    """Speaks by itself, and hands the EndFrame on when it has said all."""

    def __init__(self, seconds):
        super().__init__()
        self._seconds = seconds

    async def process_frame(self, frame, direction):
        """Hold the EndFrame until the turn is over."""
        if isinstance(frame, EndFrame) and self._seconds:
            self.create_task(self._finish_turn(frame, direction), "turn")
            return
        await super().process_frame(frame, direction)

    async def _finish_turn(self, frame, direction):
        for _ in range(round(self._seconds * 10)):
            await self.push_frame(TENTH)
            await asyncio.sleep(0.1)
        self._seconds = 0
        await self.queue_frame(frame, direction)


async def bot(runner_args):
    """Talk until the model hangs up."""
    how = runner_args.body["how"]
    line, model = Line(), LiveModel(runner_args.body.get("defers", 0))
    keeper = Keeper(*runner_args.body.get("keeps", ()))
    worker = make_worker(line.input(), model, ToneTTS(), line.output(), keeper)

    async def end_call(params):
        if how == "answer first":
            await params.result_callback({"success": True})
        if how == "speak first":
            await params.llm.queue_frame(TTSSpeakFrame("Goodbye."))
        if how in ("queue", "speak first"):
            await params.llm.queue_frame(EndWorkerFrame())
        elif how == "cancel":
            await worker.cancel(reason="hung up by a tool")
        elif how == "push upstream":
            await params.llm.push_frame(EndWorkerFrame(reason="identity verified"), FrameDirection.UPSTREAM)
        else:
            await params.llm.push_frame(EndWorkerFrame())

    model.register_function("end_call", end_call)

    async def play():
        await line.come()
        await model.call("end_call")

    scene(worker, play)
    await run(worker)
