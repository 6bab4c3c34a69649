"""Rule: what the operator records if the API server refuses a session's whole status permanently.

No text in it comes from a pod or a policy, so nothing in a pod can prevent that its session is recorded as finished.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from botsession_contract.lifecycle import ReportedBy
from botsession_operator.api.reasons import ConditionReason, EventReason
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType, EndingStatus, Finish, Status
from botsession_operator.core.status.k8s_events import KubernetesEvent, Severity

FINISHED_MESSAGE: Final = "the API server refused the whole status; the operator recorded its bare facts"
MESSAGE: Final = "the API server refused the whole status, so the operator recorded its bare facts; its log says why"


def least_status(status: Status, now: datetime) -> Status:
    """Return the bare facts of a status, and the condition that says that the rest was refused."""
    return Status(
        phase=status.phase,
        observed_generation=status.observed_generation,
        conditions=_conditions(status, now),
        pod_name=status.pod_name,
        started_at=status.started_at,
        deadline=status.deadline,
        ending_at=status.ending_at,
        finished_at=status.finished_at,
        ending=_ending(status.ending) if status.ending else None,
        finish=_finish(status.finish) if status.finish else None,
        webhook=status.webhook,
    )


def is_same_but_for_time(one: Status | None, other: Status) -> bool:
    """Return whether two statuses are equal, apart from the transition times of conditions."""
    return one is not None and _timeless(one) == _timeless(other)


def refusal(why: str) -> KubernetesEvent:
    """Return the Event for a status that was refused."""
    return KubernetesEvent(Severity.WARNING, EventReason.STATUS_REFUSED, f"{MESSAGE}: {why}")


def _conditions(status: Status, now: datetime) -> tuple[Condition, ...]:
    kept = (each for each in status.conditions if each.type is not ConditionType.RECORDED)
    bare = tuple(replace(each, reason=_reason(status, each), message="") for each in kept)
    refused = Condition(
        ConditionType.RECORDED,
        ConditionStatus.FALSE,
        ConditionReason.STATUS_REFUSED,
        MESSAGE,
        now,
        status.observed_generation,
    )
    return (*bare, refused)


def _reason(status: Status, condition: Condition) -> str:
    """Return a condition's reason if it is one of the operator's; StatusRefused for one from the cluster."""
    if condition.type is ConditionType.FINISHED and status.finish:
        return status.finish.reason
    return condition.reason if condition.reason in _OWN else ConditionReason.STATUS_REFUSED


def _ending(ending: EndingStatus) -> EndingStatus:
    return EndingStatus(ending.cause, ending.mode, ending.requested_at, ending.step, ending.steps)


def _finish(finish: Finish) -> Finish:
    return Finish(finish.reason, finish.outcome, ReportedBy.OPERATOR, message=FINISHED_MESSAGE)


def _timeless(status: Status) -> Status:
    conditions = (replace(each, last_transition_time=_NEVER) for each in status.conditions)
    return replace(status, conditions=tuple(conditions))


_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The operator's own reasons of conditions that a live session has.
_OWN: Final = frozenset(
    {
        ConditionReason.CREATED,
        ConditionReason.PIPELINE_STARTED,
        ConditionReason.ANSWERS,
        ConditionReason.NO_ANSWER,
        ConditionReason.NOT_FINISHED,
        ConditionReason.FINISHED,
    }
)
