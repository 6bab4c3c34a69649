"""Objects that the API server has refused, and when each is tried again.

A quota that is full stays full for a while, and an admission policy stays what it is. So a refused object is tried
again with exponential back-off and jitter. It is tried at once when its session is edited, and when a pod of its
namespace ends: then the quota may have room. The memory is this process's own: a new operator tries everything once.

An event does not show when its pod ended: each change of a pod that is over, and each new list of the watch, brings one
more. So a namespace has a bucket of tokens, and an end that finds it empty wakes none. A session that gets its object
wakes the next, so little room stays unused.
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

#: How many sessions one pod that ends may wake. Each of them that gets its object wakes another one.
WOKEN_AT_ONCE: Final = 4
#: Ends of pods that wake sessions, for each namespace, and how many namespaces are remembered.
ENDS_BURST: Final = 5
ENDS_PER_SECOND: Final = 0.25
MOST_NAMESPACES: Final = 4096


class Creation(Enum):
    """What a session may be refused, each with what the log says of it."""

    POD = "pod refused"
    BUDGET = "budget refused"
    EXPOSURE = "exposure refused"


@dataclass(slots=True)
class Refusal:
    """An object that was refused, for a session as it was specified then."""

    uid: str
    generation: int
    why: WaitingReason
    retry_at: datetime
    failures: int = 1


class Refusals:
    """What is refused now, by namespace in the order of the last try."""

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
        self._end_tokens = TokenBuckets[str](ENDS_BURST, ENDS_PER_SECOND, MOST_NAMESPACES, monotonic)

    def __len__(self) -> int:
        """Return how many sessions were refused something."""
        return sum(len(sessions) for sessions in self._refused.values())

    def standing(self, session: Session, what: Creation) -> WaitingReason | None:
        """Return why an object was refused that is not to be tried yet; None for one that is to be tried."""
        known = self._find(session, what)
        return known.why if known and self._clock.now() < known.retry_at else None

    def note(self, session: Session, what: Creation, why: WaitingReason) -> WaitingReason:
        """Remember a refusal, and return it."""
        known = self._find(session, what)
        failures = known.failures + 1 if known else 1
        retry_at = self._clock.now() + self._backoff.wait(failures, self._jitter())
        refused = self._refused[session.key.namespace].pop(session.key, {})
        refused[what] = Refusal(session.uid, session.generation, why, retry_at, failures)
        self._refused[session.key.namespace][session.key] = refused  # behind all others
        return why

    def note_success(self, session: Session, what: Creation) -> None:
        """Forget a refusal. There was room for this object, so there may be room for others."""
        refused = self._refused.get(session.key.namespace, {}).get(session.key, {})
        if refused.pop(what, None) is None:
            return
        if not refused:
            self.forget(session.key)
        self._wake_up(session.key.namespace, 1)

    def note_pod_ended(self, namespace: str) -> None:
        """Have those tried again that have waited longest: a pod of their namespace has ended, or is said to have."""
        if namespace in self._refused and self._end_tokens.take(namespace):
            self._wake_up(namespace, WOKEN_AT_ONCE)

    def retry_at(self, key: Key) -> datetime | None:
        """Return when the next object of a session is to be tried again; one that is due is tried by this very pass."""
        now, refused = self._clock.now(), self._refused.get(key.namespace, {}).get(key, {})
        return min((each.retry_at for each in refused.values() if each.retry_at > now), default=None)

    def forget(self, key: Key) -> None:
        """Forget a session that is over, or gone."""
        sessions = self._refused.get(key.namespace, {})
        sessions.pop(key, None)
        if not sessions:
            self._refused.pop(key.namespace, None)

    def _find(self, session: Session, what: Creation) -> Refusal | None:
        """Return a refusal that still says something of the session: it was not edited, nor made anew, since."""
        known = self._refused.get(session.key.namespace, {}).get(session.key, {}).get(what)
        return known if known and (known.uid, known.generation) == (session.uid, session.generation) else None

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
