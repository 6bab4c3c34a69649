"""Rule: what a supervisor's times are by the operator's clock.

A supervisor tells its own time with every answer. Where that is further off than an answer can be old, its times are
moved before they are compared with ours. What is recorded, and what the supervisor is told, stays by its own clock.
"""

from datetime import datetime, timedelta
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_operator.api.status import ConditionStatus, ConditionType, find_condition
from botsession_operator.core.observe.observed import NoSnapshot, Observed

#: No answer is older: a control call may take so long. Clocks that NTP keeps are nearer than that too.
IGNORED: Final = timedelta(seconds=2)
#: How much longer a session may last for what its supervisor says of the time. A pod runs its user's image, whose word
#: must not move a limit for ever; clocks of a cluster that differ by more break more than this.
MOST_TRUSTED: Final = timedelta(minutes=5)


def skew(control: SessionSnapshot | NoSnapshot, now: datetime) -> timedelta:
    """Return how far the supervisor's clock is ahead of ours; zero where that is unknown or may be the answer's way."""
    ahead = control.now - now if isinstance(control, SessionSnapshot) else timedelta(0)
    return ahead if abs(ahead) > IGNORED else timedelta(0)


def started_at(observed: Observed, moment: datetime, now: datetime) -> datetime:
    """Return by our clock when a pipeline started, of which the supervisor's clock says that it was at this moment.

    Whatever it says: not before the session was created, and not after the operator saw that it had started.
    """
    seen = find_condition(observed.session.status, ConditionType.STARTED, ConditionStatus.TRUE)
    latest = (seen.last_transition_time if seen else now) + MOST_TRUSTED
    earliest = observed.session.created_at - MOST_TRUSTED
    return min(max(moment - skew(observed.control, now), earliest), latest)


def requested_at(observed: Observed, recorded: datetime | None, moment: datetime, now: datetime) -> datetime:
    """Return by our clock when the supervisor was asked to end; the recorded time, where that is near.

    An answer's way differs from pass to pass, and each other time would be a write of the status. Whatever it says: no
    later than the operator first heard of it, or its word would put off for ever what ends the session.
    """
    ahead = skew(observed.control, now)
    latest, earliest = observed.ending_heard_at or now, observed.session.created_at - MOST_TRUSTED
    here = min(max(moment - ahead, earliest), latest)
    return recorded if recorded and ahead and abs(recorded - here) <= IGNORED else here
