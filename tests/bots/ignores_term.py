"""A bot that takes for ever to start and ignores SIGTERM meanwhile."""

import signal
import time


def wait_for_a_model():
    """Block, as loading a model from a slow disk does."""
    print("waiting", flush=True)
    while True:
        time.sleep(60)


signal.signal(signal.SIGTERM, signal.SIG_IGN)
wait_for_a_model()


async def bot(runner_args):
    """Never get here."""
