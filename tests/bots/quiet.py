"""A bot with nothing to say: a pass-through pipeline that runs until it is ended. The other bots are built from it."""

import asyncio

from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.runner.types import RunnerArguments
from pipecat.workers.runner import WorkerRunner


class PassThrough(FrameProcessor):
    """Hands every frame on."""

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


def make_worker(*processors, **options):
    """Build a worker that Pipecat's own idle timeout leaves alone, unless a bot asks for it."""
    return PipelineWorker(Pipeline(list(processors) or [PassThrough()]), **{"idle_timeout_secs": None, **options})


async def settle():
    """Let a pipeline that has just started be done with that.

    It takes turns of the event loop, of which a process that was stopped has had none while its time went by.
    """
    await asyncio.sleep(0.1)
    for _ in range(100):
        await asyncio.sleep(0)


async def run(*workers):
    """Run workers until they are all over."""
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(*workers)
    await runner.run()


async def bot(runner_args: RunnerArguments):
    """Run until ended."""
    await run(make_worker())
