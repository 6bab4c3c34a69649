"""Rule: the condition `Exposed`: whether callers reach the session."""

from collections.abc import Iterator
from typing import Final

from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import ConditionStatus, ConditionType
from botsession_operator.core.observe.observed import Observed, WaitingReason
from botsession_operator.core.status.conditions import ConditionUpdate

FINISHED: Final = WaitingReason(ConditionReason.FINISHED, "the session is over")
PENDING: Final = WaitingReason(ConditionReason.PENDING, "the Service has not been created")


def condition_updates(observed: Observed, refusal: WaitingReason | None) -> Iterator[ConditionUpdate]:
    """Yield the condition as it is after this pass. A session without spec.expose has none."""
    if observed.is_exposed:
        yield ConditionUpdate(ConditionType.EXPOSED, ConditionStatus.TRUE, ConditionReason.SERVICE_CREATED)
    elif observed.session.spec.expose:
        why = refusal or PENDING
        yield ConditionUpdate(ConditionType.EXPOSED, ConditionStatus.FALSE, why.reason, why.message)
