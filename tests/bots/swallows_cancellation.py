"""A bot with a library in it that takes asyncio's CancelledError for just another error, and goes on."""

import asyncio

from quiet import PassThrough, make_worker, run


class Deaf(PassThrough):
    """Keeps an EndFrame, and waits for something that never comes, whoever cancels that."""

    async def push_frame(self, frame, *args, **kwargs):
        """Hand on all other frames."""
        if type(frame).__name__ == "EndFrame":
            print("kept EndFrame", flush=True)
        while type(frame).__name__ == "EndFrame":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue
        await super().push_frame(frame, *args, **kwargs)


async def bot(runner_args):
    """Run until killed."""
    await run(make_worker(PassThrough(), Deaf(), PassThrough()))
