"""Rule: what the operator records for a session that it cannot parse.

Another version wrote the session, or it is too large. The operator leaves it alone until its user deletes it, and one
condition says why nothing happens. The rest of the status stays unchanged, because this operator cannot interpret it.
"""

from datetime import datetime
from typing import Final

from botsession_contract.json_codec import encode
from botsession_operator.api.reasons import ConditionReason, EventReason
from botsession_operator.api.spec import Json
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType
from botsession_operator.core.status.k8s_events import KubernetesEvent, Severity

#: The most characters of a message: the note of an Event takes no more.
MAX_MESSAGE_LENGTH: Final = 1024


def refusal(why: str) -> KubernetesEvent:
    """Return the Event for a session that cannot be parsed."""
    return KubernetesEvent(Severity.WARNING, EventReason.SPEC_REFUSED, why[:MAX_MESSAGE_LENGTH])


def refused_status(status: Json | None, generation: int, why: str, now: datetime) -> Json | None:
    """Return the status with a condition that says why; None if it has that already, or the session is over."""
    known = status or {"phase": "Pending"}
    if known.get("finish"):
        return None
    kind = ConditionType.CONTROLLED if known.get("podName") else ConditionType.POD_CREATED
    refused = Condition(
        kind, ConditionStatus.FALSE, ConditionReason.SPEC_REFUSED, why[:MAX_MESSAGE_LENGTH], now, generation
    )
    before = known.get("conditions") or []
    if any(_is_same_condition(each, refused) for each in before):
        return None
    others = [each for each in before if each.get("type") != kind]
    return {**known, "observedGeneration": generation, "conditions": [*others, encode(refused)]}


def _is_same_condition(condition: Json, refused: Condition) -> bool:
    known = (condition.get("type"), condition.get("status"), condition.get("reason"), condition.get("message"))
    return known == (refused.type, refused.status, refused.reason, refused.message)
