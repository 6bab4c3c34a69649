"""A bot as a plain script, for `spec.bot.command`: it knows nothing of supervisors."""

import asyncio

from quiet import make_worker, run

if __name__ == "__main__":
    asyncio.run(run(make_worker()))
