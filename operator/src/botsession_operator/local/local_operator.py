"""The operator of `botsession run`: it runs passes over the local backend, and can be killed and restarted."""

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
class _State:
    """The memory of one operator process."""

    controller: Controller
    work: asyncio.Task[None]


class LocalOperator:
    """An operator that can be killed. Its backend keeps all that must survive that, as a cluster does."""

    def __init__(self, control: Control, timeouts: ControllerTimeouts, make_pass: Callable[[Controller], Pass]) -> None:
        self._control = control
        self._timeouts = timeouts
        self._make_pass = make_pass
        self._state: _State | None = None

    def depths(self) -> dict[Priority, int]:
        """Return how many sessions wait for a pass, by priority."""
        return self._state.controller.depths() if self._state else {}

    def start(self) -> None:
        """Start with an empty memory, as a new process does."""
        controller = Controller(self._control, SystemClock(), self._timeouts)
        self._state = _State(controller, asyncio.create_task(controller.work(self._make_pass(controller))))

    def mark(self, key: Key) -> None:
        """Mark a session dirty; without effect while no operator runs."""
        if self._state:
            self._state.controller.mark_changed(key)

    async def kill(self) -> None:
        """Stop in the middle of a pass, as on SIGKILL: passes are cancelled, and the memory is lost."""
        if self._state is None:
            return
        state, self._state = self._state, None
        state.work.cancel()
        await asyncio.gather(state.work, return_exceptions=True)
        await state.controller.drain(state.work)

    async def stop(self) -> None:
        """Wait for the passes that have begun, and begin no new one."""
        if self._state:
            await self._state.controller.drain(self._state.work)
