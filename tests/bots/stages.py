"""A call in stages, each a pipeline of its own: the first one finds out who is there, the next one talks.

`body`: {"ends": how each stage ends: "EndFrame", "StopFrame" or "cancel"; "waits" for one that only others end,
"between": seconds between two of them, "loops": true for an event loop of its own for each}
"""

import asyncio

from pipecat.frames import frames
from quiet import make_worker, run, settle


async def stage(number, how):
    """Run one pipeline to its end."""
    worker = make_worker(name=f"stage-{number}")

    @worker.event_handler("on_pipeline_started")
    async def started(_worker, _frame):
        print(f"stage {number} begins", flush=True)
        await settle()
        if how == "cancel":
            await worker.cancel(reason=f"stage {number} is over")
        elif how != "waits":
            frame = getattr(frames, how)
            await worker.queue_frame(frame() if how == "StopFrame" else frame(reason=f"stage {number} is over"))

    await run(worker)


async def bot(runner_args):
    """Run all stages, one after the other."""
    body = runner_args.body
    for number, how in enumerate(body["ends"], 1):
        if number > 1:
            print("between two stages", flush=True)
            await asyncio.sleep(body.get("between", 0))
        if body.get("loops"):
            await asyncio.to_thread(asyncio.run, stage(number, how))
        else:
            await stage(number, how)
    print("all stages are over", flush=True)
