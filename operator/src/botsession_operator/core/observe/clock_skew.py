"""Rule: what a supervisor's times are by the operator's clock.

A supervisor sends its own time with each answer. If that is further from the operator's time than an answer can be
old, the operator shifts the supervisor's times before it compares them with its own. What the status records, and what
the operator sends to the supervisor, stays by the supervisor's clock.
"""

from datetime import datetime, timedelta
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_operator.api.status import ConditionStatus, ConditionType, find_condition
from botsession_operator.core.observe.observed import NoSnapshot, Observed

#: A control call takes no longer than this, so a smaller difference may be the age of the answer. NTP keeps clocks
#: closer together than this.
IGNORED: Final = timedelta(seconds=2)
#: How far a supervisor's time can move a limit. The pod runs an image of the session's user, so an error must stay
#: bounded. Where clocks of one cluster differ by more, more than this operator breaks.
MAX_CLOCK_SKEW: Final = timedelta(minutes=5)


def skew(snapshot: SessionSnapshot | NoSnapshot, now: datetime) -> timedelta:
    """Return how far the supervisor's clock is ahead; zero where that is unknown or may be the age of the answer."""
    ahead = snapshot.now - now if isinstance(snapshot, SessionSnapshot) else timedelta(0)
    return ahead if abs(ahead) > IGNORED else timedelta(0)


def started_at(observed: Observed, moment: datetime, ahead: timedelta, now: datetime) -> datetime:
    """Return, by the operator's clock, a start that the supervisor's clock dates to this moment.

    The result is bounded: not before the session was created, and not after the operator saw that it had started.
    """
    seen = find_condition(observed.session.status, ConditionType.STARTED, ConditionStatus.TRUE)
    latest = (seen.last_transition_time if seen else now) + MAX_CLOCK_SKEW
    earliest = observed.session.created_at - MAX_CLOCK_SKEW
    return min(max(moment - ahead, earliest), latest)


def requested_at(
    observed: Observed, recorded: datetime | None, moment: datetime, ahead: timedelta, now: datetime
) -> datetime:
    """Return, by the operator's clock, when the supervisor was asked to end; the recorded time where that is near.

    Answers take a different time in each pass, and a different result would be one more write of the status. The result
    is no later than the moment at which the operator first heard of the request: else a supervisor could put off
    forever what ends its session.
    """
    latest, earliest = observed.ending_heard_at or now, observed.session.created_at - MAX_CLOCK_SKEW
    here = min(max(moment - ahead, earliest), latest)
    return recorded if recorded and ahead and abs(recorded - here) <= IGNORED else here
