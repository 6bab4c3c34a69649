"""A bot function that is not async."""


def bot(runner_args):
    """Return at once."""
