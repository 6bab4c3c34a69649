"""Admit or drop pokes. Anyone who reaches the operator can send one, and each admitted poke costs a pass.

A poke carries no facts, so a dropped one does no harm: the session's next event or requeue has the same effect.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from botsession_contract.documented import DocumentedEnum
from botsession_operator.core.session_key import Key

T = TypeVar("T", bound=Hashable)

#: Pokes of one address, which may be a node's or a proxy's for all its pods. A pod sends a handful in its life.
ADDRESS_BURST: Final = 100
ADDRESS_PER_SECOND: Final = 20.0
#: Pokes of one session, which sends about ten in its life.
SESSION_BURST: Final = 10
SESSION_PER_SECOND: Final = 0.5
#: How many addresses and sessions have a token bucket.
MAX_ADDRESSES: Final = 4096
MAX_SESSIONS: Final = 65536


class Admission(DocumentedEnum):
    """What became of a poke."""

    ADMITTED = "Admitted", "The session gets a pass."
    UNKNOWN = "Unknown", "The operator does not know the session, or the poke names none."
    LIMITED = "Limited", "The address, or the session, has sent too many pokes."


class TokenBuckets(Generic[T]):
    """A token bucket for each key. Beyond `most` keys the least recently used bucket is dropped, and is full again."""

    def __init__(self, burst: float, per_second: float, most: int, monotonic: Callable[[], float]) -> None:
        self._burst = burst
        self._per_second = per_second
        self._most = most
        self._monotonic = monotonic
        #: For each key, the tokens that were left, and when.
        self._left: OrderedDict[T, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many keys have a bucket."""
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


class PokeGate:
    """Admits pokes for sessions that exist, a bounded number from each address and for each session.

    It decides by the operator's memory alone. A session that was created a moment ago may be unknown yet. Its poke is
    dropped, but the watch event that makes the session known marks it dirty too.
    """

    def __init__(
        self,
        is_known: Callable[[Key], bool],
        mark: Callable[[Key], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_known = is_known
        self._mark = mark
        self._addresses = TokenBuckets[str](ADDRESS_BURST, ADDRESS_PER_SECOND, MAX_ADDRESSES, monotonic)
        self._sessions = TokenBuckets[Key](SESSION_BURST, SESSION_PER_SECOND, MAX_SESSIONS, monotonic)

    def poke(self, address: str, key: Key | None) -> Admission:
        """Mark the session of an admitted poke dirty. The key is None where no session can have the name."""
        if key is None or not self._is_known(key):
            return Admission.UNKNOWN
        # The address first: a stranger without tokens of its own then takes none of the session's.
        if not (self._addresses.take(address) and self._sessions.take(key)):
            return Admission.LIMITED
        self._mark(key)
        return Admission.ADMITTED
