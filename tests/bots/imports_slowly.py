"""A bot that takes its time to be imported, as one that loads a model does."""

import time

print("importing", flush=True)
time.sleep(3600)


async def bot(runner_args):
    """Be too late."""
