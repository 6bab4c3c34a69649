"""A bot by Pipecat Cloud's convention: `bot.py`, and in it `async def bot`."""

import asyncio
import os

from pipecat.frames.frames import EndFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.runner.types import RunnerArguments
from pipecat.workers.runner import WorkerRunner


async def say_goodbye(worker):
    """End the conversation when it has taken CALL_SECONDS."""
    await asyncio.sleep(float(os.environ.get("CALL_SECONDS", "600")))
    await worker.queue_frame(EndFrame(reason="all said"))


async def bot(runner_args: RunnerArguments):
    """Hold a conversation."""
    worker = PipelineWorker(Pipeline([IdentityFilter()]), idle_timeout_secs=runner_args.pipeline_idle_timeout_secs)

    runner = WorkerRunner(handle_sigint=runner_args.handle_sigint)
    await runner.add_workers(worker)
    goodbye = asyncio.create_task(say_goodbye(worker))
    await runner.run()
    goodbye.cancel()
