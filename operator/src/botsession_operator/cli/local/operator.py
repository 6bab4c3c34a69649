"""The operator of `botsession run`: its passes over the local backend, which a rehearsal may kill and start anew."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from botsession_operator.clock import SystemClock
from botsession_operator.core.key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.queue import WorkQueue

Pass = Callable[[Key], Awaitable[datetime | None]]


@dataclass(slots=True)
class _Life:
    """What the operator has in memory, and what dies with it."""

    queue: WorkQueue
    work: asyncio.Task[None]


class LocalOperator:
    """One operator, from start to stop. All that it must not lose is in the backend, as it is in a cluster."""

    def __init__(self, do_pass: Pass) -> None:
        self._pass = do_pass
        self._life: _Life | None = None

    def depths(self) -> dict[Priority, int]:
        """Return how many sessions wait for a pass, by priority."""
        return self._life.queue.depths() if self._life else {}

    def start(self) -> None:
        """Begin to work, knowing nothing."""
        queue = WorkQueue(SystemClock())
        self._life = _Life(queue, asyncio.create_task(queue.work(self._pass)))

    def mark(self, key: Key) -> None:
        """Have a session looked at; what happens while no operator lives is not heard of."""
        if self._life:
            self._life.queue.add(key)

    async def kill(self) -> None:
        """Die in the middle of a pass, as from a SIGKILL: nothing is finished, and what waited is forgotten."""
        if self._life is None:
            return
        life, self._life = self._life, None
        life.work.cancel()
        await asyncio.gather(life.work, return_exceptions=True)
        await life.queue.drain(life.work)

    async def stop(self) -> None:
        """End the passes that have begun, and begin none."""
        if self._life:
            await self._life.queue.drain(self._life.work)
