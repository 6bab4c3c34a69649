"""One call in several pipelines: the first finds out who has picked up, the next one talks.

`body`: {"first": how the first one ends: "StopFrame" | "EndFrame" | "cancel", "pause": seconds between the two,
"last": how the last one ends, "kept": frames that a processor of the last one never hands on, "shared": true where
the processors of the first serve the second too}
"""

import asyncio

from line import Keeper, PassThrough, make_worker, run, scene
from pipecat.frames import frames


async def stage(name, how, *processors):
    """Run one pipeline for a moment."""
    worker = make_worker(*processors, name=name)

    async def play():
        print(f"{name} runs", flush=True)
        await asyncio.sleep(0.3)
        if how == "cancel":
            await worker.cancel(reason=f"{name} is done")
        elif how == "StopFrame":
            await worker.queue_frame(frames.StopFrame())
        else:
            await worker.queue_frame(frames.EndFrame(reason=f"{name} is done"))

    scene(worker, play)
    await run(worker)


async def bot(runner_args):
    """Run one stage after the other."""
    body = runner_args.body
    shared = PassThrough()
    await stage("who is there", body["first"], shared)
    await asyncio.sleep(body.get("pause", 0))
    processors = [shared if body.get("shared") else PassThrough(), Keeper(*body.get("keeps", ()))]
    await stage("the conversation", body.get("last", "EndFrame"), *processors)
    print("all stages done", flush=True)
