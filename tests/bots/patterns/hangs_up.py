"""What a bot does when its caller hangs up.

`body`: {"how": "runner.cancel" | "worker.cancel" | "EndFrame" | "left" | "processor" | "disconnected" | "both",
"keeps": frames that a processor never hands on}
"""

import asyncio
from collections import defaultdict

from line import Keeper, Line, PassThrough, ToneTTS, make_worker, scene
from pipecat.frames.frames import DataFrame, EndFrame, EndWorkerFrame
from pipecat.workers.runner import WorkerRunner


class ParticipantLeftFrame(DataFrame):
    """Tells the pipeline of it."""


class Switchboard(PassThrough):
    """Ends the worker from within the pipeline."""

    async def process_frame(self, frame, direction):
        """End it when everybody has left."""
        await super().process_frame(frame, direction)
        if isinstance(frame, ParticipantLeftFrame):
            await self.push_frame(EndWorkerFrame())


async def do_nothing():
    """Leave it to another event."""


def answer(line, worker, runner, how):
    """Do what is to be done when the caller leaves."""
    ends = defaultdict(lambda: do_nothing)
    ends |= {"runner.cancel": runner.cancel, "worker.cancel": worker.cancel, "both": worker.cancel}
    ends["EndFrame"] = lambda: worker.queue_frame(EndFrame())

    @line.event_handler("on_client_disconnected")
    async def left(_line, _client):
        await ends[how]()

    @line.event_handler("on_participant_left")
    async def participant_left(_line, _participant, _reason):
        if how == "processor":
            await worker.queue_frame(ParticipantLeftFrame())

    @line.event_handler("on_call_state_updated")
    async def state_updated(_line, state):
        if how in ("left", "both") and state == "left":
            await worker.queue_frames([EndFrame()])

    @line.event_handler("on_disconnected")
    async def disconnected(_line):
        if how == "disconnected":
            await runner.cancel()


async def bot(runner_args):
    """Wait for the caller, who leaves at once."""
    how = runner_args.body["how"]
    line, runner = Line(), WorkerRunner(handle_sigint=False)
    keeper = Keeper(*runner_args.body.get("keeps", ()))
    worker = make_worker(line.input(), ToneTTS(), Switchboard(), line.output(), keeper)
    answer(line, worker, runner, how)

    async def play():
        await line.come()
        await asyncio.sleep(0.2)
        if how == "disconnected":
            await line.happens("on_disconnected")
            return
        await line.leave()
        await line.happens("on_call_state_updated", "left")

    scene(worker, play)
    await runner.add_workers(worker)
    try:
        await runner.run()
    finally:
        print("the line is closed", flush=True)
