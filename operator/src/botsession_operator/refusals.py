"""Objects that the API server refused, and when each is created again.

A full quota stays full for a while, and an admission policy rarely changes. So a refused object is created again with
exponential back-off and jitter. There is no wait when its session is edited, or when a pod of its namespace ends and
may have made room in the quota. Refusals are kept in memory: a new operator tries each object once.

A watch event does not show when its pod ended: each change of a pod that is over brings another event, and so does
each new list of the watch. So each namespace has a token bucket, and the end of a pod wakes sessions only if it gets a
token. A session that gets its object wakes the next session, so little room stays unused.
"""

import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from botsession_operator.core.backoff import Backoff
from botsession_operator.core.clock import Clock
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import Session, WaitingReason
from botsession_operator.core.session_key import Key
from botsession_operator.poke_gate import TokenBuckets

#: How many sessions the end of one pod wakes. Each of them that gets its object wakes another one.
WOKEN_AT_ONCE: Final = 4
#: The token bucket of each namespace, and the number of namespaces that have one.
ENDS_BURST: Final = 5
ENDS_PER_SECOND: Final = 0.25
MAX_NAMESPACES: Final = 4096


class Creation(Enum):
    """An object of a session that may be refused, with the log's text for it."""

    POD = "pod refused"
    BUDGET = "budget refused"
    EXPOSURE = "exposure refused"


@dataclass(slots=True)
class Refusal:
    """The refusal of an object, for one generation of a session."""

    uid: str
    generation: int
    why: WaitingReason
    retry_at: datetime
    failures: int = 1


class Refusals:
    """The objects that are refused now, by namespace, in the order of the last attempt."""

    def __init__(
        self,
        clock: Clock,
        timeouts: ControllerTimeouts,
        wake: Callable[[Key], None] = lambda _: None,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._backoff = Backoff(timeouts.create_retry, timeouts.create_retry_longest)
        #: Marks a session dirty.
        self._wake = wake
        self._jitter = jitter
        self._refused: dict[str, dict[Key, dict[Creation, Refusal]]] = defaultdict(dict)
        self._end_tokens = TokenBuckets[str](ENDS_BURST, ENDS_PER_SECOND, MAX_NAMESPACES, monotonic)

    def __len__(self) -> int:
        """Return how many sessions have a refused object."""
        return sum(len(sessions) for sessions in self._refused.values())

    def standing(self, session: Session, what: Creation) -> WaitingReason | None:
        """Return why an object was refused, if it is too early to create it again; else None."""
        refusal = self._find(session, what)
        return refusal.why if refusal and self._clock.now() < refusal.retry_at else None

    def note(self, session: Session, what: Creation, why: WaitingReason) -> WaitingReason:
        """Record a refusal, and return its reason."""
        refusal = self._find(session, what)
        failures = refusal.failures + 1 if refusal else 1
        retry_at = self._clock.now() + self._backoff.wait(failures, self._jitter())
        refused = self._refused[session.key.namespace].pop(session.key, {})
        refused[what] = Refusal(session.uid, session.generation, why, retry_at, failures)
        self._refused[session.key.namespace][session.key] = refused  # now the last of its namespace
        return why

    def note_success(self, session: Session, what: Creation) -> None:
        """Forget a refusal, and wake another session: if there was room for this object, there may be more."""
        refused = self._refused.get(session.key.namespace, {}).get(session.key, {})
        if refused.pop(what, None) is None:
            return
        if not refused:
            self.forget(session.key)
        self._wake_up(session.key.namespace, 1)

    def note_pod_ended(self, namespace: str) -> None:
        """Wake the sessions that have waited longest, since a pod of their namespace has ended."""
        if namespace in self._refused and self._end_tokens.take(namespace):
            self._wake_up(namespace, WOKEN_AT_ONCE)

    def retry_at(self, key: Key) -> datetime | None:
        """Return when the next object of a session is due; None where none waits. Objects due now do not count."""
        now, refused = self._clock.now(), self._refused.get(key.namespace, {}).get(key, {})
        return min((each.retry_at for each in refused.values() if each.retry_at > now), default=None)

    def forget(self, key: Key) -> None:
        """Forget a session that is over, or gone."""
        sessions = self._refused.get(key.namespace, {})
        sessions.pop(key, None)
        if not sessions:
            self._refused.pop(key.namespace, None)

    def _find(self, session: Session, what: Creation) -> Refusal | None:
        """Return the refusal of an object, unless the session was edited or replaced since."""
        refusal = self._refused.get(session.key.namespace, {}).get(session.key, {}).get(what)
        return refusal if refusal and (refusal.uid, refusal.generation) == (session.uid, session.generation) else None

    def _wake_up(self, namespace: str, most: int) -> None:
        now, woken = self._clock.now(), 0
        for key, refused in self._refused.get(namespace, {}).items():
            if woken == most:
                return
            if any(each.retry_at > now for each in refused.values()):
                for each in refused.values():
                    each.retry_at = now
                self._wake(key)
                woken += 1
