"""A clock for elections, and an election that goes on until a time of it."""

import asyncio
from collections.abc import Callable

from botsession_operator.effects.lease import LeaderElector


class Time:
    """A clock that goes on only while somebody sleeps. What is planned for a moment happens then."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.plans: list[tuple[float, Callable[[], None]]] = []
        #: Set when nothing is planned any more: who stands for election then waits for the test.
        self.is_over = asyncio.Event()

    def at(self, after: float, do: Callable[[], None]) -> None:
        self.plans.append((self.now + after, do))

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        due = [do for when, do in self.plans if when <= self.now]
        self.plans = [(when, do) for when, do in self.plans if when > self.now]
        for do in due:
            do()
        if not self.plans:
            self.is_over.set()
            await asyncio.Event().wait()


async def run(elector: LeaderElector, time: Time, until: float) -> None:
    """Let an operator stand for election until then, or until it has lost."""
    time.at(until, lambda: None)
    running = asyncio.create_task(elector.run())
    over = asyncio.create_task(time.is_over.wait())
    await asyncio.wait({running, over}, return_when=asyncio.FIRST_COMPLETED)
    for task in (running, over):
        task.cancel()
    await asyncio.gather(running, over, return_exceptions=True)
    time.is_over.clear()
