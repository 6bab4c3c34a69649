"""A bot that ends itself, in any of the ways there are, with a recorder that may keep the ending frame.

`body`: {"how": see below, "keeps": true for a recorder that never hands the frame on, "talks": seconds of sound that
it makes meanwhile, "leaves": true for a caller who hangs up once the frame is kept,
"parallel": true for a recorder in a branch of its own}
"""

import asyncio

from pipecat.frames import frames
from pipecat.frames.frames import CancelFrame, EndFrame, OutputAudioRawFrame, StopFrame
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner
from quiet import PassThrough, make_worker, settle

REASON = "said goodbye"


class Hop(PassThrough):
    """One end of the line."""

    def __init__(self, line):
        super().__init__()
        self._transport = line


class Line(BaseTransport):
    """A telephone line without a telephone: it says that somebody came and left."""

    def __init__(self):
        super().__init__()
        self._register_event_handler("on_client_connected")
        self._register_event_handler("on_client_disconnected")
        self.ends = [Hop(self), Hop(self)]

    def input(self):
        """Return the caller's end."""
        return self.ends[0]

    def output(self):
        """Return the bot's end."""
        return self.ends[1]

    async def say(self, event):
        """Call the handlers of an event."""
        await self._call_event_handler(event, "caller")


class Recorder(PassThrough):
    """Works on what it has recorded before it hands the ending frame on."""

    def __init__(self, keeps, talks):
        super().__init__()
        self.keeps, self.talks = keeps, talks
        self.kept = asyncio.Event()

    async def process_frame(self, frame, direction):
        """Hand frames on, but for the one to keep."""
        if self.keeps and isinstance(frame, (EndFrame, StopFrame)) and direction is FrameDirection.DOWNSTREAM:
            print("kept the frame", flush=True)
            self.kept.set()
            for _ in range(int(self.talks / 0.2)):
                await self.push_frame(OutputAudioRawFrame(b"\x01\x02" * 160, 16000, 1))
                await asyncio.sleep(0.2)
            if not self.talks:
                await asyncio.Event().wait()
        await super().process_frame(frame, direction)


async def end(how, worker: PipelineWorker, runner, last):
    """End the conversation in one of the ways that Pipecat has."""
    match how:
        case "EndFrame" | "StopFrame" | "CancelFrame":
            kind = {"EndFrame": EndFrame, "StopFrame": StopFrame, "CancelFrame": CancelFrame}[how]
            said = {} if kind is StopFrame else {"reason": REASON}
            await worker.queue_frame(kind(**said))
        case "EndWorkerFrame" | "CancelWorkerFrame":
            await last.push_frame(getattr(frames, how)(reason=REASON), FrameDirection.UPSTREAM)
        case "worker.cancel":
            await worker.cancel(reason=REASON)
        case "runner.cancel":
            await runner.cancel(reason=REASON)
        case "runner.end":
            await runner.end(reason=REASON)
        case "stop_when_done":
            await worker.stop_when_done()


async def bot(runner_args):
    """Start, and end as told."""
    body = runner_args.body
    line, recorder = Line(), Recorder(body.get("keeps"), body.get("talks", 0))
    if body.get("parallel"):
        worker = make_worker(line.input(), ParallelPipeline([PassThrough()], [recorder]), line.output())
    else:
        worker = make_worker(line.input(), line.output(), recorder)
    runner = WorkerRunner(handle_sigint=False)

    @line.event_handler("on_client_disconnected")
    async def left(_line, _client):
        await worker.cancel()

    async def play():
        await line.say("on_client_connected")
        await settle()
        await end(body["how"], worker, runner, recorder)
        if body.get("leaves"):
            await recorder.kept.wait()
            await asyncio.sleep(1.5)  # a transport that closes by itself does so at once
            await line.say("on_client_disconnected")
            print("the caller has left", flush=True)

    @worker.event_handler("on_pipeline_started")
    async def started(_worker, _frame):
        worker.playing = asyncio.create_task(play())

    await runner.add_workers(worker)
    await runner.run()
    worker.playing.cancel()
    print("work after the call", flush=True)
