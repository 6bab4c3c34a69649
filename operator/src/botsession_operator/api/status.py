"""The status of a BotSession, as written. Its JSON form is `encode(status)`; the CRD describes each field for users."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botsession_contract.conversation import Conversation
from botsession_contract.documented import DocumentedEnum
from botsession_contract.lifecycle import Cause, Farewell, Mode, Outcome, Phase, Reason, ReportedBy, Step
from botsession_contract.report import DanglingTasks, Prompts, Stage, StepTaken
from botsession_operator.api.reasons import ConditionReason


class ConditionStatus(DocumentedEnum):
    """The status of a condition, by Kubernetes' convention."""

    TRUE = "True", "The condition holds."
    FALSE = "False", "The condition does not hold."
    UNKNOWN = "Unknown", "The operator could not read whether the condition holds."


class ConditionType(DocumentedEnum):
    """A condition of a session."""

    POD_CREATED = "PodCreated", "The API server has accepted the session's pod."
    STARTED = "Started", "The bot's pipeline has started."
    CONTROLLED = "Controlled", "The supervisor's control endpoint answers the operator."
    WATCHED = "Watched", "The bot's hook reports to the supervisor; set only if it once could not."
    EXPOSED = "Exposed", "The session's Service, and its route if the spec has one, exist."
    PROTECTED = "Protected", "A PodDisruptionBudget keeps the pod from being evicted."
    FINISHED = "Finished", "The session is over, and its finish is recorded."
    RECORDED = "Recorded", "The API server has accepted the whole status; set only if it once did not."


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, in the form of metav1.Condition."""

    type: ConditionType
    status: ConditionStatus
    #: An `AnyConditionReason`, or the reason of another version that wrote the status.
    reason: str
    message: str
    last_transition_time: datetime
    observed_generation: int


@dataclass(frozen=True, slots=True)
class EndingStatus:
    """`status.ending`: who asked the session to end, and the steps so far."""

    cause: Cause
    mode: Mode
    requested_at: datetime
    #: The last of `steps`.
    step: Step | None = None
    steps: tuple[StepTaken, ...] = ()
    #: Whether callers heard the farewell; known when the session has ended.
    farewell: Farewell | None = None
    #: Who asked, if the cause alone does not say.
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """`status.finish`: why and how the session ended. Written once."""

    reason: Reason
    outcome: Outcome
    reported_by: ReportedBy
    frame: str | None = None
    message: str | None = None
    exit_code: int | None = None
    stuck_at: str | None = None


@dataclass(frozen=True, slots=True)
class TimingsStatus:
    """`status.timings`, in seconds since the session was created; `drained` since the session was asked to end."""

    scheduled: float | None = None
    pod_started: float | None = None
    bot_imported: float | None = None
    pipeline_started: float | None = None
    drained: float | None = None
    listening: float | None = None


class Delivery(DocumentedEnum):
    """The recorded state of a webhook event's delivery."""

    PENDING = "Pending", "The event has happened, and its receiver has not accepted it yet."
    DELIVERED = "Delivered", "The receiver accepted the event."
    GONE = "Gone", "The receiver answered that it wants no more of the event."
    GAVE_UP = "GaveUp", "The receiver did not accept the event in time; the operator stopped trying."


@dataclass(frozen=True, slots=True)
class WebhookStatus:
    """`status.webhook`: the state of each event's delivery; absent for an event without a subscriber."""

    started: Delivery | None = None
    finished: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """`status`. Absent members are not known yet."""

    phase: Phase
    observed_generation: int
    conditions: tuple[Condition, ...] = ()
    pod_name: str | None = None
    node_name: str | None = None
    pod_ip: str | None = None
    #: Where callers reach the bot.
    url: str | None = None
    started_at: datetime | None = None
    client_connected_at: datetime | None = None
    client_disconnected_at: datetime | None = None
    deadline: datetime | None = None
    ending_at: datetime | None = None
    #: When the last pipeline had finished.
    conversation_ended_at: datetime | None = None
    finished_at: datetime | None = None
    #: How long the conversation lasted, from pipeline start to its end, for the printer column.
    duration: str | None = None
    ending: EndingStatus | None = None
    finish: Finish | None = None
    dangling_tasks: DanglingTasks | None = None
    timings: TimingsStatus | None = None
    #: The bot's own result.
    result: Any = None
    #: Known when the session has ended; absent if no caller was prompted.
    prompts: Prompts | None = None
    #: What the caller heard; absent until the pipeline has started, and from a supervisor that is too old to report it.
    conversation: Conversation | None = None
    #: The pipelines before the last one; known when the session has ended, absent where there was one only.
    stages: tuple[Stage, ...] | None = None
    webhook: WebhookStatus | None = None


def has_condition(status: Status | None, kind: ConditionType) -> bool:
    """Return whether the status has this condition, with any value."""
    return any(each.type is kind for each in status.conditions) if status else False


def awaits_caller(status: Status | None) -> bool:
    """Return whether the bot listens and no caller has connected."""
    started = find_condition(status, ConditionType.STARTED, ConditionStatus.FALSE)
    return started is not None and started.reason == ConditionReason.WAITING_FOR_CALLER


def find_condition(status: Status | None, kind: ConditionType, value: ConditionStatus) -> Condition | None:
    """Return the condition of this type if it has this value."""
    conditions = status.conditions if status else ()
    return next((each for each in conditions if each.type is kind and each.status is value), None)
