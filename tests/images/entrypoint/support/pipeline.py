"""The conversation."""

import asyncio
import os

from pipecat.frames.frames import EndFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.workers.runner import WorkerRunner

#: What the image's entrypoint prepares; without it there is no bot.
GREETING = os.environ["GREETING"]


async def say_goodbye(worker):
    """End the conversation when it has taken CALL_SECONDS."""
    await asyncio.sleep(float(os.environ.get("CALL_SECONDS", "600")))
    await worker.queue_frame(EndFrame(reason="all said"))


async def converse():
    """Hold a conversation."""
    print(GREETING, flush=True)
    worker = PipelineWorker(Pipeline([IdentityFilter()]))

    runner = WorkerRunner()
    await runner.add_workers(worker)
    goodbye = asyncio.create_task(say_goodbye(worker))
    await runner.run()
    goodbye.cancel()
