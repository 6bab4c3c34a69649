"""A bot that saves its transcript when the call is over.

`body`: {"takes": seconds that this takes, "file": where to}
"""

import asyncio
from pathlib import Path

from quiet import make_worker, run


async def bot(runner_args):
    """Run until ended, and save then."""
    worker = make_worker()

    @worker.event_handler("on_pipeline_finished")
    async def save(_worker, _frame):
        print("saving", flush=True)
        await asyncio.sleep(runner_args.body["takes"])
        Path(runner_args.body["file"]).write_text("saved")

    await run(worker)
