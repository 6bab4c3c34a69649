"""A bot that gives variables of its environment away in all the ways there are. `body`: {"names": [...]}."""

import asyncio
import os

from pipecat.frames.frames import EndFrame
from quiet import make_worker, run

from botsession_runtime import set_result


async def bot(runner_args):
    """Quote them in the log, in a task's name, in the result, and in the reason of the end."""
    values = [os.environ[name] for name in runner_args.body["names"]]
    print(f"given: {values}", flush=True)
    worker = make_worker()
    tasks = []

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        tasks.extend(asyncio.create_task(asyncio.sleep(3600), name=f"upload {value}") for value in values)
        set_result({"used": values, "by key": dict.fromkeys(values, True)})
        await worker.queue_frame(EndFrame(reason=f"used {' and '.join(values)}"))

    await run(worker)
