"""A bot whose texts order a terminal, or are no text. `body`: {"how": "raise" | "reason" | "task" | "result"}."""

import asyncio
import os

from pipecat.frames.frames import EndFrame
from quiet import make_worker, run

from botsession_runtime import set_result

CAFE = os.fsdecode(b"/recordings/caf\xe9-\xff.wav")
ORDER = "\x1b]0;owned\x07\x1b[2J\x00\x9b31m\u202egpj.\r\nnext"


async def bot(runner_args):
    """Say it where the body says."""
    how, text = runner_args.body["how"], f"saved {CAFE} {ORDER}"
    if how == "raise":
        raise FileNotFoundError(2, text)
    worker = make_worker()
    tasks = []

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        if how == "task":
            tasks.append(asyncio.create_task(asyncio.sleep(3600), name=text))
        if how == "result":
            set_result({"order": ORDER})
        await worker.queue_frame(EndFrame(reason=text if how == "reason" else None))

    await run(worker)
