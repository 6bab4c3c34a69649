"""Rule: when an operator that begins to lead looks at a session for the first time.

Sessions with something to do come at once. A session whose bot runs and that needs nothing is looked at within a while,
so that thousands of them do not delay a new session. Its supervisor is not asked before that, and its watch events,
pokes and deadlines count from the beginning.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from botsession_contract.lifecycle import Phase
from botsession_operator.core.decide import eviction
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.observed import Observed, PodState, Session
from botsession_operator.core.observe.timeline import timeline_of
from botsession_operator.core.spread import fraction_of


def is_answered(session: Session) -> bool:
    """Return whether the status is about the present spec, or the session is over; else a user waits for a pass."""
    status = session.status
    return session.is_finished or (status is not None and status.observed_generation == session.generation)


def first_look_at(observed: Observed, now: datetime, timeouts: ControllerTimeouts, spread: timedelta) -> datetime:
    """Return when the first pass over a session is due; `observed` has no snapshot yet."""
    session = observed.session
    seen = replace(observed, has_budget=_has_budget(session), is_exposed=_is_exposed(session))
    if not (session.is_finished or _is_quiet(seen)):
        return now
    plan = make_plan(seen, now, timeouts)
    if plan.is_work or plan.intent:
        return now
    spread_at = now + spread * fraction_of(session.uid)
    if session.is_finished:
        return min(plan.requeue_at or spread_at, spread_at)
    return min(timeline_of(seen, now).end_due_at, spread_at)


def _is_quiet(observed: Observed) -> bool:
    """Return whether the bot runs, as the status says, and nothing has changed since."""
    session, pod = observed.session, observed.pod
    if session.status is None or pod is None or not is_answered(session):
        return False
    is_running = session.status.phase is Phase.RUNNING and pod.state is PodState.RUNNING
    return is_running and session.status.ending is None and not pod.is_deleting


def _has_budget(session: Session) -> bool:
    """Return whether the session's budget is where it should be, as far as anyone knows without a request."""
    return not session.is_finished and eviction.may_have_budget(session)


def _is_exposed(session: Session) -> bool:
    return not session.is_finished and session.spec.expose is not None
