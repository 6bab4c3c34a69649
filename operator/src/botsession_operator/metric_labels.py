"""The labels of the operator's metrics, with all their values: docs/reference/metrics.md lists them from here.

Label values come from enums. The only exception is the namespace, since a series for each session would be a leak.
"""

from typing import Final

from botsession_contract.documented import DocumentedEnum
from botsession_contract.lifecycle import Farewell, Mode, Outcome, Phase, ProcessorKind, Reason, Step
from botsession_operator.api.status import Delivery
from botsession_operator.core.observe.webhook_delivery import Answer, EventType
from botsession_operator.core.status.metric_samples import Metric, Stage, TaskKind
from botsession_operator.fair_queue import Priority
from botsession_operator.poke_gate import Admission
from botsession_operator.received_heartbeats import HeartbeatResult

#: The counters that have a namespace: the description of each, and its other labels.
BY_NAMESPACE: Final[dict[Metric, tuple[str, dict[str, type[DocumentedEnum]]]]] = {
    Metric.FINISHED: ("Sessions that ended", {"reason": Reason, "outcome": Outcome}),
    Metric.DANGLING_TASKS: ("Tasks that bots left behind", {"kind": TaskKind}),
    Metric.WITH_DANGLING_TASKS: ("Sessions whose bot left tasks behind", {}),
    Metric.REPORTS_MISSING: ("Sessions whose supervisor ran and left no report", {}),
    Metric.LADDER_STEPS: ("Rungs of the shutdown ladder that were taken", {"step": Step}),
    Metric.FAREWELLS: ("Farewells of sessions that were asked to end, by result", {"result": Farewell}),
    Metric.SILENT: ("Sessions in which a client was connected and the bot never made a sound", {}),
    Metric.BOT_ERRORS: ("Errors of bots' processors that did not end the pipeline", {"processor": ProcessorKind}),
}


class Action(DocumentedEnum):
    """A request to a supervisor."""

    SNAPSHOT = "snapshot", "The operator asked how the session is."
    END = "end", "The operator asked the supervisor to end the session."
    ADJUST = "adjust", "The operator sent new limits."


class NoCode(DocumentedEnum):
    """Values of the label `code` where there is no HTTP status."""

    NO_ANSWER = "NoAnswer", "No connection, or no answer in time."
    UNREADABLE = "Unreadable", "The answer was no snapshot."
    # Pods run users' images, whose answers must not make series.
    OTHER = "Other", "The answer had a status that HTTP does not define."


class ReconcileErrorKind(DocumentedEnum):
    """Why a pass failed."""

    CONFLICT = "Conflict", "The object was written since the operator read it; the operator retries."
    TRANSIENT = "Transient", "The API server did not answer, or asked to wait; the operator retries."
    SPEC = "Spec", "The operator cannot read the spec; its user must act."
    REFUSED = "Refused", "The API server does not accept a request; the operator retries after five minutes."
    BUG = "Bug", "Any other error in the operator; it retries."


#: The labels of each metric besides `namespace`, with all their values; `code` may be an HTTP status too.
LABELS: Final[dict[str, dict[str, tuple[DocumentedEnum | Priority, ...]]]] = {
    "botsession_sessions": {"phase": tuple(Phase)},
    **{metric: {name: tuple(words) for name, words in labels.items()} for metric, (_, labels) in BY_NAMESPACE.items()},
    Metric.START: {"stage": tuple(Stage)},
    Metric.SHUTDOWN: {"mode": tuple(Mode), "outcome": tuple(Outcome)},
    "botsession_control_requests_total": {"action": tuple(Action), "code": tuple(NoCode)},
    "botsession_webhook_deliveries_total": {"event": tuple(EventType), "result": (*Answer, Delivery.GAVE_UP)},
    "botsession_reconcile_errors_total": {"error": tuple(ReconcileErrorKind)},
    "botsession_pokes_total": {"result": tuple(Admission)},
    "botsession_heartbeats_total": {"result": tuple(HeartbeatResult)},
    "botsession_queue_depth": {"priority": tuple(Priority)},
    "botsession_control_queue_depth": {"priority": tuple(Priority)},
}
