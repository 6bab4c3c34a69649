"""A bot that ends well, and whose own handler of that never comes back. `body`: {"how": "exit" | "segv" | "block"}."""

import os
import signal
import time

from pipecat.frames.frames import EndFrame
from quiet import make_worker, run


async def bot(runner_args):
    """Say goodbye, and go down in the handler."""
    how = runner_args.body["how"]
    worker = make_worker()

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        await worker.queue_frame(EndFrame(reason="survey complete"))

    @worker.event_handler("on_pipeline_finished")
    async def finished(worker, frame):
        if how == "exit":
            os._exit(3)
        if how == "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        while True:
            time.sleep(0.05)

    await run(worker)
