"""Rule: when a change of status is written.

Each write goes through etcd, and a cluster that runs many short conversations is bounded by that. So news that somebody
may be waiting for is written at once, and details wait a moment, in which more of them may come: the node, the address,
the container and the pipeline of a start that goes well are one write. Nothing is remembered for it: the times that are
compared are in the session, so an operator that begins anew comes to the same end.

Until the first write a session shows what its CRD gives it by default, `phase: Pending`. The price: a pod that
somebody takes away, finalizer and all, before anything of it was recorded cannot be told from one that was never made,
and is made again.
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
    """Return when a status that differs from the recorded one is written; a time that is past means at once."""
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
    """Wait with an ending that the supervisor has acknowledged, and so keeps itself: it may be over in a moment."""
    control = observed.control
    if isinstance(control, SessionSnapshot) and control.ending and status.ending:
        return status.ending.requested_at + timeouts.ending_settle
    return None


def _last_change_times(observed: Observed) -> tuple[datetime, ...]:
    """Return when there was something to write, as far as it is recorded."""
    before = observed.session.status
    changed = tuple(each.last_transition_time for each in before.conditions) if before else ()
    ending_times = (before.ending_at,) if before and before.ending_at else ()
    return (observed.session.created_at, *changed, *ending_times)


def _start_problems(status: Status | None) -> set[tuple[ConditionType, str]]:
    """Return what keeps a session from starting, where it is more than the time that a start takes.

    That a bot waits for its caller is among it: whoever is to call waits to be told.
    """
    conditions = status.conditions if status else ()
    return {(each.type, each.reason) for each in conditions if _is_start_problem(each)}


def _is_start_problem(condition: Condition) -> bool:
    if condition.status is not ConditionStatus.FALSE:
        return False
    if condition.type is ConditionType.STARTED:
        return condition.reason not in startup.NORMAL_REASONS
    return condition.type in (ConditionType.POD_CREATED, ConditionType.EXPOSED)
