"""Rule: which of several operators leads, by a Lease that each reads and that only one can write at a time.

The semantics are those of client-go's leader election. Times are seconds of each operator's own clock, counted from a
moment of its own: no operator compares its clock with a time that another has written.

* An operator that does not lead takes the Lease when it was released, or when it has seen it unchanged for as long as
  the holder asked for.
* The leader renews the Lease, and may write until `renew_deadline` after the *start* of the last renewal that
  succeeded. That is earlier than any other operator can take the Lease.
* A leader that could not renew in time has lost, for good: its process ends.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class LeaseTimings:
    """Seconds; the defaults are client-go's."""

    #: How long a Lease stands that its holder does not renew.
    lease_duration: float = 15.0
    #: How long a leader goes on without a renewal. The difference to `lease_duration` is for requests on their way.
    renew_deadline: float = 10.0
    #: How often the leader renews.
    retry_period: float = 2.0
    #: How often the others look: this is how long a Lease lies idle that was released.
    look_period: float = 1.0


class Move(Enum):
    """What an operator does about the Lease now."""

    WAIT = auto()  # another one holds it
    CREATE = auto()  # there is none
    TAKE = auto()  # it is free, or its holder has not renewed it in time
    RENEW = auto()  # it is this operator's own


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What a Lease says."""

    #: Empty where the Lease was released.
    holder: str
    #: For how many seconds it stands that is not renewed.
    duration: float
    #: Its resourceVersion: the API server refuses a write that names an earlier one.
    version: str
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Election:
    """What one operator knows of the Lease."""

    identity: str
    timings: LeaseTimings = field(default_factory=LeaseTimings)
    #: None where the last look found no Lease, or none was made yet.
    record: LeaseRecord | None = None
    #: When the record was first seen as it is now; None before the first look.
    observed_at: float | None = None
    #: A look has found a Lease, though it may be gone by now.
    was_seen: bool = False
    #: When the last renewal began that succeeded; None for an operator that does not lead.
    renewed_at: float | None = None
    #: Another one has the Lease, which was this operator's.
    is_ousted: bool = False

    @property
    def is_leader(self) -> bool:
        """Return whether this operator has taken the Lease, be it that it has lost it since."""
        return self.renewed_at is not None

    def seconds_left(self, now: float) -> float:
        """Return how long this operator may still write; 0 where it may not."""
        if self.renewed_at is None or self.is_ousted:
            return 0.0
        return max(0.0, self.renewed_at + self.timings.renew_deadline - now)

    def is_lost(self, now: float) -> bool:
        """Return whether this operator led and may not write any more. It never may again."""
        return self.is_leader and self.seconds_left(now) <= 0

    def observe(self, record: LeaseRecord | None, now: float) -> "Election":
        """Return what is known after a look whose answer came now."""
        is_ousted = self.is_ousted or (self.is_leader and record is not None and record.holder != self.identity)
        if record == self.record and self.observed_at is not None:
            return replace(self, is_ousted=is_ousted)
        was_seen = self.was_seen or record is not None
        return replace(self, record=record, observed_at=now, was_seen=was_seen, is_ousted=is_ousted)

    def decide(self, now: float) -> Move:
        """Return what to do now."""
        if self.is_ousted or self.is_lost(now):
            return Move.WAIT
        if self.record is None:
            return self._decide_without_lease(now)
        if self.record.holder == self.identity:
            return Move.RENEW
        return Move.WAIT if self.is_held_by_other(now) else Move.TAKE

    def after_write(self, record: LeaseRecord, began: float, now: float) -> "Election":
        """Return what is known after this operator has written the Lease by a request that began then."""
        return replace(self, record=record, observed_at=now, was_seen=True, renewed_at=began)

    def is_held_by_other(self, now: float) -> bool:
        """Return whether another operator may hold the Lease."""
        if self.record is None or self.record.holder in ("", self.identity):
            return False
        return not self._is_expired(now, self.record.duration)

    @property
    def next_transitions(self) -> int:
        """Return how often the Lease will have changed hands once this operator has written it."""
        if self.record is None:
            return 0
        return self.record.transitions + (self.record.holder != self.identity)

    def _decide_without_lease(self, now: float) -> Move:
        """Create a Lease that never was, or that is the leader's own. If it was deleted, its holder may still write."""
        is_free = self.is_leader or not self.was_seen or self._is_expired(now, self.timings.lease_duration)
        return Move.CREATE if is_free else Move.WAIT

    def _is_expired(self, now: float, duration: float) -> bool:
        return self.observed_at is not None and now >= self.observed_at + duration
