"""Rule: when a session started, by when it must have started, and when its time is over.

Each time exists twice: by its supervisor's clock, which is what is recorded, and by the operator's own (`…_here`).
"""

from datetime import datetime

from botsession_contract.control import SessionSnapshot
from botsession_contract.json_codec import LAST_DAY
from botsession_operator.api.spec import Spec
from botsession_operator.core.observe import clock_skew, startup
from botsession_operator.core.observe.observed import Observed


def deadline_of(started: datetime, spec: Spec) -> datetime:
    """Return when maxSessionDuration has passed, for a pipeline that started at this time."""
    return min(started + spec.max_session_duration, LAST_DAY)


def started_at(observed: Observed) -> datetime | None:
    """Return the time at which the pipeline started, from the supervisor or as recorded before."""
    if isinstance(observed.control, SessionSnapshot) and observed.control.started_at:
        return observed.control.started_at
    status = observed.session.status
    return status.started_at if status else None


def start_deadline(observed: Observed, now: datetime) -> datetime:
    """Return the time by which the pipeline must have started.

    A bot that listens has this time until it does, joinTimeout for its caller to come, which its supervisor counts, and
    this time again from then on. Where nobody tells when it was called, it gets all of these.
    """
    control, spec = observed.control, observed.session.spec
    by_itself = observed.session.created_at + spec.start_timeout
    if isinstance(control, SessionSnapshot) and control.called_at:
        # Nobody waits for a caller longer than this, whatever the supervisor says of the time.
        latest = by_itself + spec.join_timeout
        return min(clock_skew.started_at(observed, control.called_at, now), latest) + spec.start_timeout
    if spec.join_timeout and startup.has_listened(observed):
        return by_itself + spec.join_timeout + spec.start_timeout
    return by_itself


def deadline(observed: Observed) -> datetime | None:
    """Return when maxSessionDuration has passed, by the supervisor's clock; None before the pipeline has started."""
    started = started_at(observed)
    return deadline_of(started, observed.session.spec) if started else None


def deadline_here(observed: Observed, now: datetime) -> datetime | None:
    """Return the deadline by the operator's own clock."""
    started = started_at(observed)
    if started is None:
        return None
    return deadline_of(clock_skew.started_at(observed, started, now), observed.session.spec)
