"""A bot that leaves tasks behind: one that Pipecat manages, one that nobody does. It runs as a plain script too."""

import asyncio

from quiet import PassThrough, make_worker, run

left = []


class Leaky(PassThrough):
    """Starts a task that nothing ends."""

    async def setup(self, setup):
        """Start the task."""
        await super().setup(setup)
        self.create_task(asyncio.Event().wait(), "poller")


async def keep_listening():
    """Wait for ever."""
    await asyncio.Event().wait()


async def bot(runner_args):
    """Run until ended, and leave two tasks."""
    left.append(asyncio.create_task(keep_listening()))
    await run(make_worker(Leaky()))


if __name__ == "__main__":
    asyncio.run(bot(None))
