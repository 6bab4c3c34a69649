"""Runs the bot: `python -m support`."""

import asyncio

from support.pipeline import converse

if __name__ == "__main__":
    asyncio.run(converse())
