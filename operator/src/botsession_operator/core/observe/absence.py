"""Rule: startTimeout counts from a session's creation, or, if no operator ran then, from the first look of one."""

from datetime import datetime, timedelta
from typing import Final

from botsession_operator.api.status import ConditionStatus, ConditionType, find_condition
from botsession_operator.core.observe.observed import Observed

#: An operator that runs looks at a new session within this time, also if thousands come at once.
USUAL_WAIT: Final = timedelta(seconds=30)
#: A session that no operator has seen for longer than this has no caller any more who waits for it.
MAX_ABSENCE: Final = timedelta(hours=1)


def start_counts_from(observed: Observed, now: datetime) -> datetime:
    """Return when startTimeout begins."""
    return observed.session.created_at + absence(observed, now)


def known_absence(observed: Observed) -> timedelta:
    """Return the same for a session that an operator has looked at, whenever that was."""
    return absence(observed, observed.session.created_at)


def absence(observed: Observed, now: datetime) -> timedelta:
    """Return for how long no operator looked at the session after it was created; nothing for a usual wait."""
    waited = _first_look(observed, now) - observed.session.created_at
    return min(waited, MAX_ABSENCE) if waited > USUAL_WAIT else timedelta()


def _first_look(observed: Observed, now: datetime) -> datetime:
    """Return when an operator first looked at the session: now, if nothing shows that one did.

    The first status shows it, since its condition Finished stays False until the end; and so does the pod, which may be
    there before that status and long after it.
    """
    session, pod = observed.session, observed.pod
    known = find_condition(session.status, ConditionType.FINISHED, ConditionStatus.FALSE)
    looks = [known.last_transition_time] if known else []
    if pod:
        looks.append(pod.created_at or session.created_at)
    elif not known and session.status and (session.status.pod_name or session.status.conditions):
        looks.append(session.created_at)
    return min(looks, default=now)
