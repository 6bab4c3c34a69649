"""A file without a bot function."""


async def robot(runner_args):
    """Have the wrong name."""
