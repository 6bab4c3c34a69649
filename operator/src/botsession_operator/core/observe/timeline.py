"""Rule: when a session started, by when it must have started, and when its time is over.

Each time exists twice: by its supervisor's clock, which is what the status records, and by the operator's own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from botsession_contract.control import SessionSnapshot
from botsession_contract.json_codec import LAST_DAY
from botsession_operator.api.spec import Spec
from botsession_operator.core.observe import clock_skew, startup
from botsession_operator.core.observe.absence import start_counts_from
from botsession_operator.core.observe.observed import Observed


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times of one session, as they stand at `now`.

    A pass computes it once before it plans, and once more before it derives the status, because both the observation
    and the time have moved on by then. Nothing stores it beyond that, so it cannot go stale.
    """

    now: datetime
    #: How far the supervisor's clock is ahead of the operator's.
    clock_skew: timedelta
    #: When the pipeline started, and when maxSessionDuration has passed since, by the supervisor's clock.
    started_at: datetime | None
    deadline: datetime | None
    #: When the operator ends the session, by its own clock: at the deadline, or, while the pipeline has not started, at
    #: the time by which it must have started.
    end_due_at: datetime


def timeline_of(observed: Observed, now: datetime) -> Timeline:
    """Return the times of a session."""
    started, spec = _started_at(observed), observed.session.spec
    ahead = clock_skew.skew(observed.snapshot, now)
    if started is None:
        return Timeline(now, ahead, None, None, _start_deadline(observed, ahead, now))
    started_here = clock_skew.started_at(observed, started, ahead, now)
    return Timeline(now, ahead, started, deadline_of(started, spec), deadline_of(started_here, spec))


def deadline_of(started: datetime, spec: Spec) -> datetime:
    """Return when maxSessionDuration has passed, for a pipeline that started at this time."""
    return min(started + spec.max_session_duration, LAST_DAY)


def _started_at(observed: Observed) -> datetime | None:
    """Return the time at which the pipeline started, from the supervisor or as recorded before."""
    if isinstance(observed.snapshot, SessionSnapshot) and observed.snapshot.started_at:
        return observed.snapshot.started_at
    status = observed.session.status
    return status.started_at if status else None


def _start_deadline(observed: Observed, ahead: timedelta, now: datetime) -> datetime:
    """Return the time by which the pipeline must have started.

    A bot that waits for a call gets startTimeout until it listens, then joinTimeout, which its supervisor counts, for
    the caller to come, and startTimeout again from the call on. While no supervisor says when the call came, the bot
    gets the sum of these.
    """
    snapshot, spec = observed.snapshot, observed.session.spec
    without_call = start_counts_from(observed, now) + spec.start_timeout
    if isinstance(snapshot, SessionSnapshot) and snapshot.called_at:
        # No bot waits for a caller longer than this, whatever time its supervisor reports.
        latest = without_call + spec.join_timeout
        return min(clock_skew.started_at(observed, snapshot.called_at, ahead, now), latest) + spec.start_timeout
    if spec.join_timeout and startup.has_listened(observed):
        return without_call + spec.join_timeout + spec.start_timeout
    return without_call
