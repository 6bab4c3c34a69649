"""A bot whose clean-up never ends. `body`: {"ends": true} to end the conversation itself."""

import asyncio

from pipecat.frames.frames import EndFrame
from quiet import make_worker, run


async def bot(runner_args):
    """Run until ended, then hang."""
    worker = make_worker()

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        if (runner_args.body or {}).get("ends"):
            await worker.queue_frame(EndFrame())

    @worker.event_handler("on_pipeline_finished")
    async def finished(worker, frame):
        await asyncio.Event().wait()

    await run(worker)
