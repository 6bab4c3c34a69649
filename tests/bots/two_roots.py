"""A bot with a helper beside its conversation: two root workers, either of which keeps the process alive."""

from quiet import make_worker, run


async def bot(runner_args):
    """Run both until ended."""
    await run(make_worker(name="conversation"), make_worker(name="helper"))
