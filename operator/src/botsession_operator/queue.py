"""The work queue: which sessions need a pass, now or later. It deduplicates, delays and backs off.

It has the semantics of client-go's workqueue: a key that is added during its pass gets another pass afterwards, and no
two workers have the same key. One timer serves all delays. Unlike client-go's, this queue has priorities and is fair
between namespaces.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from loguru import logger as log

from botsession_operator.api.spec import SpecError
from botsession_operator.core.backoff import Backoff
from botsession_operator.core.clock import Clock
from botsession_operator.core.session_key import Key
from botsession_operator.errors import RequestRefused, TransientError
from botsession_operator.fair_queue import FairQueue, Priority
from botsession_operator.schedule import Schedule

#: Runs one pass; returns when the next one is due.
Pass = Callable[[Key], Awaitable[datetime | None]]

FIRST_BACKOFF_SECONDS = 0.4
MAX_BACKOFF_SECONDS = 30.0
#: When a session gets its next pass after the API server refused a request, if no event comes before.
REFUSED_REQUEUE = timedelta(minutes=5)
#: How long passes may take to end when the operator stops; well within a pod's usual 30 s of grace.
DRAIN_SECONDS = 10.0
#: The timer fires at least this often while a key waits. Nothing wakes the event loop when a clock is set, or when a
#: suspended machine resumes, so a pass is late by at most this. Once a second costs next to nothing.
MAX_SLEEP_SECONDS = 1.0


class WorkQueue:
    """Keys that wait for a pass."""

    def __init__(
        self,
        clock: Clock,
        workers: int = 1,
        monotonic: Callable[[], float] = time.monotonic,
        on_due: Callable[[Key], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._workers = workers
        self._ready: FairQueue[Key] = FairQueue(workers)
        #: Idle workers, each waiting for its future.
        self._idle: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._schedule = Schedule(clock, monotonic)
        #: Called with each key that becomes due, before its pass.
        self._on_due = on_due
        self._timer: asyncio.TimerHandle | None = None
        self._failures: dict[Key, int] = {}

    def add(self, key: Key, priority: Priority = Priority.NORMAL) -> None:
        """Mark a key dirty: it gets a pass as soon as a worker is free. Of two priorities, the higher one counts."""
        self._ready.put(key, key.namespace, priority)
        self._wake_one()

    def add_at(self, key: Key, when: datetime, priority: Priority = Priority.NORMAL) -> None:
        """Mark a key dirty at a time; the last call for a key counts."""
        self._schedule.put(key, when, priority)
        self._set_timer()

    def __len__(self) -> int:
        return len(self._ready)

    def depths(self) -> dict[Priority, int]:
        """Return how many keys wait for a pass now, by priority."""
        return self._ready.depths()

    async def drain(self, work: asyncio.Task[None]) -> None:
        """Stop the workers; passes that have begun get DRAIN_SECONDS. A restart finds the waiting keys again."""
        self._closed = True
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._idle:
            self._wake_one()
        await asyncio.wait({work}, timeout=DRAIN_SECONDS)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    async def work(self, do_pass: Pass) -> None:
        """Run passes until drained, as many at once as there are workers."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker(do_pass))

    async def _worker(self, do_pass: Pass) -> None:
        while (key := await self._take()) is not None:
            with log.contextualize(session=str(key)):
                await self._run_pass(key, do_pass)

    async def _run_pass(self, key: Key, do_pass: Pass) -> None:
        try:
            self._reschedule(key, await do_pass(key))
        except TransientError as exc:
            self._back_off(key, exc)
        except RequestRefused as exc:  # back-off would not help: the next event or an upgrade may
            log.warning("request refused", error=str(exc))
            self._reschedule(key, self._clock.now() + REFUSED_REQUEUE)
        except SpecError as exc:  # the user must edit the spec, which brings an event
            log.warning("spec not understood", error=str(exc))
        except Exception as exc:  # noqa: BLE001  # a bug in one pass must not end the worker
            log.exception("pass failed")
            self._back_off(key, exc)
        finally:
            self._ready.done(key)

    async def _take(self) -> Key | None:
        """Wait for a key; return None when the queue is drained."""
        while not self._closed:
            key = self._ready.take()
            if key is not None:
                return key
            idle = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            await idle
        return None

    def _wake_one(self) -> None:
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():  # else the worker was cancelled
                idle.set_result(None)
                return

    def _reschedule(self, key: Key, when: datetime | None) -> None:
        self._failures.pop(key, None)
        if when is None:
            self._schedule.drop(key)
        else:
            self.add_at(key, when)

    def _back_off(self, key: Key, exc: Exception) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        backoff = Backoff(timedelta(seconds=FIRST_BACKOFF_SECONDS), timedelta(seconds=MAX_BACKOFF_SECONDS))
        wait = backoff.wait(failures, jitter=random.random())  # noqa: S311  # jitter, not a secret
        if isinstance(exc, TransientError):
            wait += exc.retry_after
        log.debug("pass postponed", seconds=round(wait.total_seconds(), 2), error=repr(exc))
        self.add_at(key, self._clock.now() + wait)

    def _set_timer(self) -> None:
        """Set the timer for the next key. A timer that fires too early is kept, because resetting it costs more."""
        left = self._schedule.seconds_left()
        if left is None or self._closed:
            return
        loop = asyncio.get_running_loop()
        due_at = loop.time() + min(left, MAX_SLEEP_SECONDS)
        if self._timer and self._timer.when() <= due_at:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_at(due_at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        for key, priority in self._schedule.take_due():
            self._on_due(key)
            self.add(key, priority)
        self._set_timer()
