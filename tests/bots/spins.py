"""A bot whose own code blocks the event loop: when it is ended, or soon after its start.

`body`: {"when": "EndFrame" | "start"}
"""

import time

from quiet import PassThrough, make_worker, run, settle


def spin():
    """Block, as a synchronous call to something slow does."""
    print("spinning", flush=True)
    while True:
        time.sleep(0.05)


class Spinner(PassThrough):
    """Blocks on a frame."""

    async def process_frame(self, frame, direction):
        """Hand on all frames but one."""
        if type(frame).__name__ == "EndFrame":
            spin()
        await super().process_frame(frame, direction)


async def bot(runner_args):
    """Run until killed."""
    worker = make_worker(Spinner())

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        if (runner_args.body or {}).get("when") == "start":
            await settle()
            spin()

    await run(worker)
