"""Rule: the condition `Protected`. A session that has always allowed evictions has none."""

from collections.abc import Iterator
from typing import Final

from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.spec import EvictionPolicy
from botsession_operator.api.status import ConditionStatus, ConditionType, has_condition
from botsession_operator.core.decide.finish import FinalResult
from botsession_operator.core.decide.termination import EndIntent
from botsession_operator.core.observe.observed import Observed, WaitingReason
from botsession_operator.core.status.conditions import ConditionUpdate

PROTECTED: Final = {
    EvictionPolicy.WHEN_IDLE: WaitingReason(
        ConditionReason.IN_CALL, "a caller is in the call; a PodDisruptionBudget refuses evictions of the pod"
    ),
    EvictionPolicy.NEVER: WaitingReason(
        ConditionReason.NEVER, "a PodDisruptionBudget refuses evictions of the pod until the session ends"
    ),
}
EXPOSED: Final = {
    EvictionPolicy.ALLOW: WaitingReason(ConditionReason.ALLOW, "the pod may be evicted"),
    EvictionPolicy.WHEN_IDLE: WaitingReason(ConditionReason.IDLE, "no caller is in the call; the pod may be evicted"),
}
ENDING: Final = WaitingReason(ConditionReason.ENDING, "the session is over or ends; the pod may be evicted")


def protected_updates(
    observed: Observed, end: EndIntent | FinalResult | None, refusal: WaitingReason | None
) -> Iterator[ConditionUpdate]:
    """Yield whether evictions are refused after this pass, and why."""
    policy = observed.session.spec.eviction
    if observed.has_budget:
        yield _update(ConditionStatus.TRUE, PROTECTED[policy])
    elif policy is not EvictionPolicy.ALLOW or has_condition(observed.session.status, ConditionType.PROTECTED):
        exposed = ENDING if end else refusal or EXPOSED[policy]
        yield _update(ConditionStatus.FALSE, exposed)


def _update(status: ConditionStatus, why: WaitingReason) -> ConditionUpdate:
    return ConditionUpdate(ConditionType.PROTECTED, status, why.reason, why.message)
