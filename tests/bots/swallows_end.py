"""A bot with a processor that never hands on an EndFrame: the commonest way for a Pipecat bot to hang.

`body`: {"swallow": ["EndFrame", "CancelFrame"]}
"""

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


async def bot(runner_args):
    """Run until ended, which takes more than an EndFrame."""
    body = runner_args.body or {}
    await run(make_worker(PassThrough(), Blackhole(body.get("swallow", ["EndFrame"])), PassThrough()))
