"""The work queue, and what marks sessions dirty besides watch events: supervisors' answers and ended refusals."""

import asyncio
from datetime import datetime

from loguru import logger as log

from botsession_operator.core.clock import Clock
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.ports import Control
from botsession_operator.queue import Pass, WorkQueue
from botsession_operator.refusals import Refusals
from botsession_operator.supervisor_poller import SWEEP_SECONDS, SupervisorPoller


class Controller:
    """Runs passes over the sessions that are marked dirty."""

    def __init__(self, control: Control, clock: Clock, timeouts: ControllerTimeouts, workers: int = 1) -> None:
        self._queue = WorkQueue(clock, workers, on_due=lambda key: self.poller.prefetch(key))
        self.poller = SupervisorPoller(control, clock, timeouts, self._queue.add)
        self.refusals = Refusals(clock, timeouts, self._queue.add)

    def mark(self, key: Key, priority: Priority = Priority.NORMAL) -> None:
        """Mark a session dirty, and ask its supervisor meanwhile, so that the pass usually finds the answer."""
        self.poller.prefetch(key)
        self._queue.add(key, priority)

    def mark_at(self, key: Key, when: datetime, priority: Priority) -> None:
        """Mark a session dirty at a time. Its next pass replaces that time."""
        self._queue.add_at(key, when, priority)

    def mark_changed(self, key: Key, priority: Priority = Priority.NORMAL) -> None:
        """Mark a session dirty after a change of its pod or a poke, and ask its supervisor for a new snapshot."""
        self.poller.refresh(key)
        self._queue.add(key, priority)

    def mark_bot_ended(self, key: Key, pod_uid: str) -> None:
        """Mark a session dirty whose bot has ended. Its supervisor has ended too, and is not asked again."""
        self.poller.forget_pod(key, pod_uid)
        self._queue.add(key)

    def depths(self) -> dict[Priority, int]:
        """Return how many sessions wait for a pass, by priority."""
        return self._queue.depths()

    async def work(self, do_pass: Pass) -> None:
        """Run passes, and look for missing heartbeats, until drained."""
        sweeps = asyncio.create_task(self._sweep())
        try:
            await self._queue.work(do_pass)
        finally:
            sweeps.cancel()

    async def drain(self, work: asyncio.Task[None]) -> None:
        """Wait for the passes that have begun and for the answers to their requests; begin no new pass."""
        await self._queue.drain(work)
        await self.poller.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                self.poller.sweep()
            except Exception:  # noqa: BLE001  # a bug must not end the search for silent supervisors
                log.exception("missing heartbeats not found")
