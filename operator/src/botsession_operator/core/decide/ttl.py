"""Rule: when a finished session is deleted.

ttlAfterFinished counts from the moment at which the finish was recorded, by the operator's clock: a node's clock may be
wrong, and a finish that was recorded late, because no operator ran, must stay readable for as long. The rule reads the
current spec, so an edit after the finish counts. Otherwise it reads recorded times only, so each operator computes the
same result.
"""

from datetime import datetime

from botsession_operator.api.status import ConditionStatus, ConditionType, Status, find_condition
from botsession_operator.core.observe.observed import Session


def expiry(session: Session) -> datetime | None:
    """Return when the session may be deleted; None if it is kept, or is being deleted already."""
    ttl, recorded = session.spec.ttl_after_finished, _recorded_at(session.status)
    if ttl is None or recorded is None or session.is_deleting:
        return None
    return recorded + ttl


def is_expired(session: Session, now: datetime) -> bool:
    """Return whether ttlAfterFinished has passed."""
    ends = expiry(session)
    return ends is not None and now >= ends


def _recorded_at(status: Status | None) -> datetime | None:
    finished = find_condition(status, ConditionType.FINISHED, ConditionStatus.TRUE)
    return finished.last_transition_time if finished else None
