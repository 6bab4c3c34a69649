"""Rule: which stage of its start a session is in, and how long each stage took.

startTimeout covers all stages, so its message must show which one was too slow.
"""

from enum import StrEnum
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_operator.api.duration import format_duration
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import (
    ConditionStatus,
    ConditionType,
    Status,
    TimingsStatus,
    find_condition,
)
from botsession_operator.core.observe.absence import known_absence
from botsession_operator.core.observe.observed import Observed, Pod, PodState, WaitingReason


class StartupStage(StrEnum):
    """A stage of a start, as messages name it. Each comment says what is true during the stage."""

    POD = "creation of the pod"  # the API server has not accepted the pod
    NODE = "node"  # no node has the pod
    SANDBOX = "volumes and network"  # a node has the pod, and prepares what its containers will share
    CONTAINER = "image and container"  # the node pulls the image or creates the container
    IMPORT = "import of the bot"  # the supervisor runs, and the bot's module has not been imported
    PIPELINE = "start of the pipeline"  # the bot runs, and its pipeline has not started


WAITING_FOR_NODE: Final = WaitingReason(ConditionReason.WAITING_FOR_NODE, "the pod has no node yet")
PREPARING_POD: Final = WaitingReason(
    ConditionReason.PREPARING_POD, "the node prepares the pod's volumes and its network"
)
CREATING_CONTAINER: Final = WaitingReason(
    ConditionReason.CONTAINER_CREATING, "the image is being pulled, or the container created"
)
IMPORTING_BOT: Final = WaitingReason(ConditionReason.IMPORTING_BOT, "the bot is being imported")
STARTING_PIPELINE: Final = WaitingReason(
    ConditionReason.STARTING_PIPELINE, "the bot runs and has not started its pipeline"
)
LISTENING: Final = WaitingReason(ConditionReason.WAITING_FOR_CALLER, "the bot listens, and no caller has connected")
CALLER_CONNECTED: Final = WaitingReason(
    ConditionReason.CALLER_CONNECTED, "a caller has connected, and the pipeline has not started"
)
#: Reasons of a start that makes normal progress, so that no user has to act.
NORMAL_REASONS: Final = frozenset(
    each.reason
    for each in (
        WAITING_FOR_NODE,
        PREPARING_POD,
        CREATING_CONTAINER,
        IMPORTING_BOT,
        STARTING_PIPELINE,
        CALLER_CONNECTED,
    )
)
#: Reasons that imply that the bot was imported. That does not change while the supervisor is silent.
IMPORTED_REASONS: Final = frozenset(each.reason for each in (STARTING_PIPELINE, LISTENING, CALLER_CONNECTED))


def waiting_for(observed: Observed) -> WaitingReason:
    """Return why a session has not started. If it has no pod, the same pass creates one."""
    pod = observed.pod
    if pod is None:
        return WAITING_FOR_NODE
    if pod.waiting_reason:
        return pod.waiting_reason
    if pod.state is PodState.RUNNING:
        return _waiting_in_pod(observed, pod)
    if pod.node_name is None:
        return WAITING_FOR_NODE
    return CREATING_CONTAINER if pod.is_prepared else PREPARING_POD


def has_listened(observed: Observed) -> bool:
    """Return whether the bot listens for its caller, or did. While the supervisor is silent, the status decides."""
    if isinstance(observed.snapshot, SessionSnapshot):
        return observed.snapshot.listening_at is not None
    known = find_condition(observed.session.status, ConditionType.STARTED, ConditionStatus.FALSE)
    return known is not None and known.reason in (LISTENING.reason, CALLER_CONNECTED.reason)


def start_timeout_message(observed: Observed, bot_imported: float | None) -> str:
    """Return how long each stage took of a start that timed out, and which stage did not finish.

    `bot_imported` is in seconds since the supervisor's start, from its report.
    """
    status, pod, limit = observed.session.status, observed.pod, observed.session.spec.start_timeout
    start_timeout = f"startTimeout {format_duration(limit)}"
    if away := known_absence(observed):
        start_timeout += (
            f", which began when an operator ran again, {_seconds(away.total_seconds())} after the creation"
        )
    if has_listened(observed):
        return f"{start_timeout}: the bot had listened, and its pipeline did not start"
    durations = _stage_durations(observed, pod, bot_imported)
    rest = max(0.0, limit.total_seconds() - sum(durations.values()))
    stages = [f"{stage} {_seconds(durations[stage])}" for stage in durations]
    unfinished = _unfinished(durations, status, pod)
    stages.append(f"{unfinished} {_seconds(rest)} and not done")
    return f"{start_timeout}: {', '.join(stages)}"


def _waiting_in_pod(observed: Observed, pod: Pod) -> WaitingReason:
    snapshot = observed.snapshot
    if isinstance(snapshot, SessionSnapshot) and snapshot.listening_at:
        return LISTENING if snapshot.called_at is None else CALLER_CONNECTED
    imported_at = snapshot.bot_imported_at if isinstance(snapshot, SessionSnapshot) else None
    # The kubelet and the supervisor run on one machine, so they share a clock.
    imported = (imported_at - pod.started_at).total_seconds() if imported_at and pod.started_at else None
    durations = _stage_durations(observed, pod, imported)
    reason = IMPORTING_BOT if imported_at is None else STARTING_PIPELINE
    before = ", ".join(f"{stage} {_seconds(durations[stage])}" for stage in durations)
    return WaitingReason(reason.reason, f"{reason.message}; before that: {before}" if before else reason.message)


def _stage_durations(observed: Observed, pod: Pod | None, imported: float | None) -> dict[StartupStage, float]:
    """Return the seconds that each finished stage took, in order. The cluster reports whole seconds."""
    recorded = (observed.session.status.timings if observed.session.status else None) or TimingsStatus()
    created = observed.session.created_at
    scheduled = (pod.scheduled_at - created).total_seconds() if pod and pod.scheduled_at else recorded.scheduled
    started = (pod.started_at - created).total_seconds() if pod and pod.started_at else recorded.pod_started
    durations = {}
    if scheduled is not None:
        durations[StartupStage.NODE] = scheduled - known_absence(observed).total_seconds()
    if started is not None:
        durations[StartupStage.CONTAINER] = started - (scheduled or 0.0)
        if imported is not None:
            durations[StartupStage.IMPORT] = imported
    return {stage: max(0.0, seconds) for stage, seconds in durations.items()}


def _unfinished(durations: dict[StartupStage, float], status: Status | None, pod: Pod | None) -> StartupStage:
    if pod is None and not (status and status.pod_name):
        return StartupStage.POD
    # The condition shows what the last pass before the timeout saw. By now the pod may have no network, and no report.
    condition = find_condition(status, ConditionType.STARTED, ConditionStatus.FALSE)
    recorded_reason = condition.reason if condition else ""
    if StartupStage.CONTAINER in durations:
        return (
            StartupStage.PIPELINE
            if StartupStage.IMPORT in durations or recorded_reason == STARTING_PIPELINE.reason
            else StartupStage.IMPORT
        )
    if not (pod and pod.node_name) and not (status and status.node_name):
        return StartupStage.NODE
    return StartupStage.SANDBOX if recorded_reason == PREPARING_POD.reason else StartupStage.CONTAINER


def _seconds(length: float) -> str:
    return f"{round(length, 1):g} s"
