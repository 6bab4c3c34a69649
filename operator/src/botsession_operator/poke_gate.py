"""The door for pokes, which anyone may send: what comes through it costs a pass, so little does.

A poke carries no facts. One that is dropped is made up for by the session's next event, or by the slow recheck.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from botsession_contract.documented import DocumentedEnum
from botsession_operator.core.session_key import Key

T = TypeVar("T", bound=Hashable)

#: Pokes of one address. A node or a proxy may stand for all of its pods, each of which sends a handful in its life.
ADDRESS_BURST: Final = 100
ADDRESS_PER_SECOND: Final = 20.0
#: Pokes of one session, which has about ten to send in its life.
SESSION_BURST: Final = 10
SESSION_PER_SECOND: Final = 0.5
#: How many addresses are remembered, and how many sessions.
MOST_ADDRESSES: Final = 4096
MOST_SESSIONS: Final = 65536


class Admission(DocumentedEnum):
    """What became of a poke."""

    ADMITTED = "Admitted", "The session gets a pass."
    UNKNOWN = "Unknown", "The operator knows no such session, or the poke names none."
    LIMITED = "Limited", "The address, or the session, has sent too many pokes."


class TokenBuckets(Generic[T]):
    """A bucket of tokens for each of many, the least recently used of which is forgotten, and so full again."""

    def __init__(self, burst: float, per_second: float, most: int, monotonic: Callable[[], float]) -> None:
        self._burst = burst
        self._per_second = per_second
        self._most = most
        self._monotonic = monotonic
        #: How many tokens were left, and when.
        self._left: OrderedDict[T, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._left)

    def take(self, key: T) -> bool:
        """Take a token; return whether there was one."""
        now = self._monotonic()
        left, since = self._left.get(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        has_one = left >= 1
        self._left[key] = (left - 1 if has_one else left, now)
        self._left.move_to_end(key)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return has_one


class KnownSessions:
    """The sessions that the watch has brought, and that are not gone."""

    def __init__(self) -> None:
        self._keys: set[Key] = set()

    def __contains__(self, key: Key) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        """Return how many exist."""
        return len(self._keys)

    def add(self, key: Key) -> None:
        """Remember a session that the watch has brought."""
        self._keys.add(key)

    def forget(self, key: Key) -> None:
        """Forget a session that is gone."""
        self._keys.discard(key)


class PokeGate:
    """Lets pokes in for sessions that exist, a bounded number from each address and for each session.

    It asks only what the operator has in memory. A session that was created a moment ago may be unknown yet: its
    poke is dropped, and the event that makes it known marks it dirty all the same.
    """

    def __init__(
        self,
        is_known: Callable[[Key], bool],
        mark: Callable[[Key], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_known = is_known
        self._mark = mark
        self._addresses = TokenBuckets[str](ADDRESS_BURST, ADDRESS_PER_SECOND, MOST_ADDRESSES, monotonic)
        self._sessions = TokenBuckets[Key](SESSION_BURST, SESSION_PER_SECOND, MOST_SESSIONS, monotonic)

    def poke(self, address: str, key: Key | None) -> Admission:
        """Mark the session dirty that a poke names, if it may come in; None is a name that cannot be one."""
        if key is None or not self._is_known(key):
            return Admission.UNKNOWN
        # The address first: a stranger who has used up its own share takes nothing of the session's.
        if not (self._addresses.take(address) and self._sessions.take(key)):
            return Admission.LIMITED
        self._mark(key)
        return Admission.ADMITTED
