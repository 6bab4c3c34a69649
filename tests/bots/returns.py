"""A bot that returns without ever building a worker."""


async def bot(runner_args):
    """Find nothing to do."""
