"""The operator of `botsession run`: its passes over the local backend, which a rehearsal may kill and start anew."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from botsession_operator.clock import SystemClock
from botsession_operator.controller import Controller
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.ports import Control
from botsession_operator.queue import Pass


@dataclass(slots=True)
class _Life:
    """What the operator has in memory, and what dies with it."""

    controller: Controller
    work: asyncio.Task[None]


class LocalOperator:
    """One operator, from start to stop. All that it must not lose is in the backend, as it is in a cluster."""

    def __init__(self, control: Control, timeouts: ControllerTimeouts, passes: Callable[[Controller], Pass]) -> None:
        self._control = control
        self._timeouts = timeouts
        self._passes = passes
        self._life: _Life | None = None

    def depths(self) -> dict[Priority, int]:
        """Return how many sessions wait for a pass, by priority."""
        return self._life.controller.depths() if self._life else {}

    def start(self) -> None:
        """Begin to work, knowing nothing."""
        controller = Controller(self._control, SystemClock(), self._timeouts)
        self._life = _Life(controller, asyncio.create_task(controller.work(self._passes(controller))))

    def mark(self, key: Key) -> None:
        """Have a session looked at; what happens while no operator lives is not heard of."""
        if self._life:
            self._life.controller.mark_changed(key)

    async def kill(self) -> None:
        """Die in the middle of a pass, as from a SIGKILL: nothing is finished, and what waited is forgotten."""
        if self._life is None:
            return
        life, self._life = self._life, None
        life.work.cancel()
        await asyncio.gather(life.work, return_exceptions=True)
        await life.controller.drain(life.work)

    async def stop(self) -> None:
        """End the passes that have begun, and begin none."""
        if self._life:
            await self._life.controller.drain(self._life.work)
