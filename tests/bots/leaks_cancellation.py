"""A bot whose start is given up by an await that was cancelled, which nobody caught."""

import asyncio


async def connect():
    """Give up, as a client library does whose own task was cancelled."""
    raise asyncio.CancelledError("the model's connection was cancelled")


async def bot(runner_args):
    """Never get anywhere."""
    await connect()
