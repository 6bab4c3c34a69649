"""Rule: when a finished session is deleted.

It counts from when the finish was recorded, by the operator's clock: a node's clock may be wrong, and a finish that was
recorded late, because the operator was away, can still be looked at. It reads the spec as it is now, so an edit counts
after the finish too; and nothing but what is recorded, so a new operator comes to the same time.
"""

from datetime import datetime

from botsession_operator.api.status import ConditionStatus, ConditionType, Status, find_condition
from botsession_operator.core.observe.observed import Session


def expiry(session: Session) -> datetime | None:
    """Return the time from which on the session may be deleted; None where it is kept, or is being deleted already."""
    ttl, recorded = session.spec.ttl_after_finished, _recorded_at(session.status)
    if ttl is None or recorded is None or session.is_deleting:
        return None
    return recorded + ttl


def is_expired(session: Session, now: datetime) -> bool:
    """Return whether the session's time as a record is over."""
    ends = expiry(session)
    return ends is not None and now >= ends


def _recorded_at(status: Status | None) -> datetime | None:
    finished = find_condition(status, ConditionType.FINISHED, ConditionStatus.TRUE)
    return finished.last_transition_time if finished else None
