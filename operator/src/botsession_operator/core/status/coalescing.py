"""Rule: when a change of status is written.

Each write goes through etcd, which bounds a cluster that runs many short conversations. So the operator writes at once
what a user may wait for, and lets details wait for a moment in which more may come: the node, the address, the
container and the pipeline of a normal start become one write. All times that this rule compares are in the session, so
an operator that has just started computes the same result.

Until the first write, a session shows the CRD's default, `phase: Pending`. The price: if someone removes a pod with its
finalizer before the first write, the operator cannot know that it existed, and creates it again.
"""

from datetime import datetime

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import Phase
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType, Status
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe import startup
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.status import conversation


def write_due_at(observed: Observed, status: Status, timeouts: ControllerTimeouts) -> datetime:
    """Return when to write a status that differs from the recorded one; a time in the past means at once."""
    before, at_once = observed.session.status, observed.session.created_at
    phase_before = before.phase if before else Phase.PENDING
    if status.phase is Phase.ENDING and phase_before is not Phase.ENDING:
        return _ending_at(observed, status, timeouts) or at_once
    if status.phase is not phase_before and status.phase is not Phase.STARTING:
        return at_once
    if not _start_problems(status) <= _start_problems(before):
        return at_once
    if due_at := conversation.write_due_at(before, status):
        return due_at
    return max(_last_change_times(observed)) + timeouts.status_settle


def _ending_at(observed: Observed, status: Status, timeouts: ControllerTimeouts) -> datetime | None:
    """Return when to write an ending that the supervisor has acknowledged; else None. Its session may be over soon."""
    snapshot = observed.snapshot
    if isinstance(snapshot, SessionSnapshot) and snapshot.ending and status.ending:
        return status.ending.requested_at + timeouts.ending_settle
    return None


def _last_change_times(observed: Observed) -> tuple[datetime, ...]:
    """Return the times of the recorded changes."""
    before = observed.session.status
    changed = tuple(each.last_transition_time for each in before.conditions) if before else ()
    ending_times = (before.ending_at,) if before and before.ending_at else ()
    return (observed.session.created_at, *changed, *ending_times)


def _start_problems(status: Status | None) -> set[tuple[ConditionType, str]]:
    """Return what keeps a session from starting, other than the time that a start takes.

    A bot that waits for its caller counts: the caller may wait for the status to say so.
    """
    conditions = status.conditions if status else ()
    return {(each.type, each.reason) for each in conditions if _is_start_problem(each)}


def _is_start_problem(condition: Condition) -> bool:
    if condition.status is not ConditionStatus.FALSE:
        return False
    if condition.type is ConditionType.STARTED:
        return condition.reason not in startup.NORMAL_REASONS
    return condition.type in (ConditionType.POD_CREATED, ConditionType.EXPOSED)
