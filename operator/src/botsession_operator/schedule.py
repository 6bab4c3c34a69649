"""When each key is due. One heap holds all keys, so a session that waits costs a heap entry and no timer.

Callers give times by the wall clock, since deadlines are times of day. The schedule keeps them by a clock of its own,
because the wall clock can be set and the monotonic clock stands still while the machine is suspended. A caller that
sleeps until the next key is due must wake up often, because nothing wakes it when the wall clock jumps.
"""

import heapq
import time
from collections.abc import Callable
from datetime import datetime

from botsession_operator.core.clock import Clock
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority

#: A larger difference between the two clocks is a step, in seconds. Both are slewed alike, so the difference has one of
#: three causes: the wall clock was set, the machine was suspended, or the thread was stopped between two readings. In
#: the last case a pass comes a little early.
SMALLEST_STEP = 0.1
#: A key is due this much later than asked for, in seconds: a pass that is a little too early achieves nothing.
MARGIN = 0.001
#: How many more replaced entries than valid ones the heap may hold.
MAX_STALE_ENTRIES = 64


class SteadyClock:
    """A clock that also runs while the machine is suspended, and never goes back.

    It follows the monotonic clock, and adds each forward step of the wall clock. Backward steps are ignored: following
    them would delay every waiting key. A forward step makes keys due too early at most. That does no harm, because each
    pass decides by the time at which it runs.
    """

    def __init__(self, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._jumped = 0.0
        self._offset = clock.now().timestamp() - monotonic()

    def now(self) -> float:
        """Return the time in seconds since an arbitrary moment."""
        return self._read()[0]

    def time_at(self, when: datetime) -> float:
        """Return this clock's time at the moment when the wall clock shows `when`, if nobody sets the wall clock."""
        steady, wall = self._read()
        return steady + when.timestamp() - wall

    def _read(self) -> tuple[float, float]:
        wall, monotonic = self._clock.now().timestamp(), self._monotonic()
        step = wall - monotonic - self._offset
        if abs(step) >= SMALLEST_STEP:
            self._offset += step
            self._jumped += max(0.0, step)
        return monotonic + self._jumped, wall


class Schedule:
    """Keys, each with the time at which it is due."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = SteadyClock(clock, monotonic)
        self._due: dict[Key, tuple[float, Priority]] = {}
        self._heap: list[tuple[float, Key]] = []

    def put(self, key: Key, when: datetime, priority: Priority = Priority.NORMAL) -> None:
        """Set when a key is due, and how urgent it is then; the last call for a key counts."""
        due = self._clock.time_at(when) + MARGIN
        self._due[key] = (due, priority)
        heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + MAX_STALE_ENTRIES:
            self._heap = [(due, key) for key, (due, _) in self._due.items()]
            heapq.heapify(self._heap)

    def drop(self, key: Key) -> None:
        """Remove a key."""
        self._due.pop(key, None)

    def take_due(self) -> list[tuple[Key, Priority]]:
        """Remove and return the keys that are due, each with its priority."""
        now, found = self._clock.now(), list[tuple[Key, Priority]]()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._is_valid(due, key):
                found.append((key, self._due.pop(key)[1]))
        return found

    def seconds_left(self) -> float | None:
        """Return the seconds until the next key is due; None where no key waits."""
        while self._heap and not self._is_valid(*self._heap[0]):
            heapq.heappop(self._heap)
        return max(0.0, self._heap[0][0] - self._clock.now()) if self._heap else None

    def _is_valid(self, due: float, key: Key) -> bool:
        """Return whether no later call for its key has replaced an entry."""
        current = self._due.get(key)
        return current is not None and current[0] == due
