"""A bot with a processor that never hands on an EndFrame: the commonest way for a Pipecat bot to hang.

`body`: {"swallow": ["EndFrame", "CancelFrame"], "own_end": true when it is to end itself}
"""

from pipecat.frames.frames import EndFrame
from quiet import PassThrough, make_worker, run


class Blackhole(PassThrough):
    """Swallows frames by their class name."""

    def __init__(self, swallow):
        super().__init__()
        self.swallow = swallow

    async def push_frame(self, frame, *args, **kwargs):
        """Hand on all frames but those to swallow."""
        if type(frame).__name__ not in self.swallow:
            await super().push_frame(frame, *args, **kwargs)
        else:
            print(f"swallowed {type(frame).__name__}", flush=True)


async def bot(runner_args):
    """Run until ended, which takes more than an EndFrame."""
    body = runner_args.body or {}
    worker = make_worker(PassThrough(), Blackhole(body.get("swallow", ["EndFrame"])), PassThrough())

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        if body.get("own_end"):
            await worker.queue_frame(EndFrame())

    await run(worker)
