"""Which keys are due, and how long nothing is: one heap for all, so a session that waits costs an entry and no timer.

Looks are asked for by the wall clock, since deadlines are times of day, but they are kept by a clock of our own: the
wall clock may be set, and the monotonic clock stands still while a machine is suspended. Whoever sleeps until the next
look must not sleep long, because nothing wakes it when a clock jumps.
"""

import heapq
import time
from collections.abc import Callable
from datetime import datetime

from botsession_operator.core.clock import Clock
from botsession_operator.core.session_key import Key

#: How far the two clocks drift apart before it is a jump, in seconds. They are slewed alike, so that only a step, a
#: suspended machine, or a thread that was stopped between two readings can do it; then a look is a little early.
SMALLEST_STEP = 0.1
#: How much later than asked for a look is due, in seconds. One that came a hair too early would be for nothing.
MARGIN = 0.001
#: So many entries that were replaced may wait in the heap, beside as many as are valid.
MAX_STALE_ENTRIES = 64


class SteadyClock:
    """Seconds that go on while the machine is suspended, and never go back.

    They follow the monotonic clock, and leap ahead where the wall clock does. Set back, the wall clock would have made
    every waiting look late by as much. Set forward, it makes them early at most, and an early look does no harm: a pass
    decides by the time that it is then.
    """

    def __init__(self, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._jumped = 0.0
        self._offset = clock.now().timestamp() - monotonic()

    def now(self) -> float:
        """Return the present time, in seconds since whenever."""
        return self._read()[0]

    def time_at(self, when: datetime) -> float:
        """Return the time at which the wall clock will be there, if nobody sets it."""
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
    """Keys, each with the time of its next look."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = SteadyClock(clock, monotonic)
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []

    def put(self, key: Key, when: datetime) -> None:
        """Have a key due at a time; the last call for a key counts."""
        due = self._due[key] = self._clock.time_at(when) + MARGIN
        heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + MAX_STALE_ENTRIES:
            self._heap = [(due, key) for key, due in self._due.items()]
            heapq.heapify(self._heap)

    def drop(self, key: Key) -> None:
        """Have a key due never."""
        self._due.pop(key, None)

    def take_due(self) -> list[Key]:
        """Return the keys whose time has come, and forget it."""
        now, found = self._clock.now(), list[Key]()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                found.append(key)
        return found

    def seconds_left(self) -> float | None:
        """Return how long nothing will be due; None where nothing waits."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # a later call for that key took its place
        return max(0.0, self._heap[0][0] - self._clock.now()) if self._heap else None
