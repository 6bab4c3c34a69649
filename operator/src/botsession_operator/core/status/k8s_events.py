"""Rule: which changes of a status become Kubernetes Events."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from botsession_contract.bounded_json import clean_text, clip_text
from botsession_contract.lifecycle import BOT_CAUSES, Phase
from botsession_operator.api.reasons import AnyEventReason, EventReason, ExternalReason
from botsession_operator.api.status import ConditionStatus, ConditionType, Status, find_condition
from botsession_operator.core.observe.webhook_delivery import Attempt, EventType

#: The API server's bounds on an Event, in bytes (kubernetes/pkg/apis/core/validation/events.go).
MAX_NOTE_LENGTH: Final = 1024
MAX_REASON_LENGTH: Final = 128


class Severity(StrEnum):
    """The type of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class KubernetesEvent:
    """One Event."""

    severity: Severity
    reason: AnyEventReason
    note: str

    def __post_init__(self) -> None:
        """Clip the texts to the API server's bounds, since pods and policies wrote parts of them."""
        reason = clip_text(clean_text(self.reason), MAX_REASON_LENGTH)
        object.__setattr__(self, "reason", reason or EventReason.UNKNOWN)
        object.__setattr__(self, "note", clip_text(clean_text(self.note), MAX_NOTE_LENGTH))


def events_for(before: Status | None, after: Status) -> tuple[KubernetesEvent, ...]:
    """Return the Events for a status that was just written. A phase has one Event, when the session enters it."""
    events = [_new_pod_refusal(before, after)]
    if before is None or before.phase is not after.phase:
        events.append(_phase_event(after))
    return tuple(item for item in events if item)


def undelivered(event: EventType, attempt: Attempt) -> KubernetesEvent:
    """Return the Event for a webhook event that the operator stops sending."""
    note = f"the receiver did not accept {event} in {attempt.failures} attempts; the last one: {attempt.last_error}"
    return KubernetesEvent(Severity.WARNING, EventReason.WEBHOOK_GAVE_UP, note)


def _phase_event(status: Status) -> KubernetesEvent | None:
    if status.phase is Phase.RUNNING:
        return KubernetesEvent(Severity.NORMAL, EventReason.STARTED, "the pipeline has started")
    if status.phase is Phase.ENDING and status.ending:
        if status.ending.cause in BOT_CAUSES:
            return KubernetesEvent(
                Severity.NORMAL, EventReason.ENDING, f"the bot ends its pipeline: {status.ending.cause}"
            )
        who = f", {status.ending.message}" if status.ending.message else ""
        return KubernetesEvent(
            Severity.NORMAL, EventReason.ENDING, f"{status.ending.mode} end requested: {status.ending.cause}{who}"
        )
    if status.finish:
        severity = Severity.NORMAL if status.phase is Phase.SUCCEEDED else Severity.WARNING
        detail = f": {status.finish.message}" if status.finish.message else ""
        return KubernetesEvent(severity, status.finish.reason, f"{status.finish.outcome}{detail}")
    return None


def _new_pod_refusal(before: Status | None, after: Status) -> KubernetesEvent | None:
    known = _pod_refusal(before)
    refused = _pod_refusal(after)
    return refused if refused != known else None


def _pod_refusal(status: Status | None) -> KubernetesEvent | None:
    refused = find_condition(status, ConditionType.POD_CREATED, ConditionStatus.FALSE)
    return KubernetesEvent(Severity.WARNING, ExternalReason(refused.reason), refused.message) if refused else None
