"""A bot that needs a package which is not installed."""

import no_such_package  # noqa: F401


async def bot(runner_args):
    """Never get here."""
