"""Rule: when a session is over, and what its status records then.

The supervisor's report decides. Without a report, the operator derives the finish from the pod's state, and
`reportedBy` names the operator.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from botsession_contract.conversation import Conversation
from botsession_contract.lifecycle import (
    BOT_CAUSES,
    Cause,
    Outcome,
    Phase,
    Reason,
    ReportedBy,
    Step,
    final_phase,
    reason_for,
)
from botsession_contract.report import DanglingTasks, Ending, ExitReport, Prompts, Stage, Timings
from botsession_operator.api.reasons import CONTAINER_REASONS, IMAGE_REASONS, SCHEDULING_REASONS
from botsession_operator.api.status import ConditionStatus, ConditionType, EndingStatus, Finish, Status, find_condition
from botsession_operator.core.decide.termination import EndIntent
from botsession_operator.core.observe import startup
from botsession_operator.core.observe.observed import Observed, Pod, PodState, Termination, WaitingReason

NO_TIMINGS: Final = Timings()
#: The container runtime's reasons for a command that is not in the image, or cannot be run.
START_ERRORS: Final = frozenset({"StartError", "ContainerCannotRun"})
#: Why a healthy pod ended: pod.status.reason, or the reason of its condition DisruptionTarget.
DISRUPTIONS: Final = {
    "Evicted": Reason.EVICTED,
    "Preempting": Reason.EVICTED,
    "Terminated": Reason.EVICTED,  # the kubelet's reason when its node shuts down
    "EvictionByEvictionAPI": Reason.EVICTED,
    "PreemptionByScheduler": Reason.EVICTED,
    "TerminationByKubelet": Reason.EVICTED,
    "NodeLost": Reason.NODE_LOST,
    "DeletionByTaintManager": Reason.NODE_LOST,
    "DeletionByPodGC": Reason.NODE_LOST,
}
#: The container runtime's reason for a container in which the kernel killed a process because memory ran out.
OUT_OF_MEMORY: Final = "OOMKilled"
#: The exit code of a process that a SIGKILL ended.
SIGKILLED: Final = 137


@dataclass(frozen=True, slots=True)
class FinalResult:
    """Everything that the status records, once, of a finished session."""

    finish: Finish
    finished_at: datetime
    started_at: datetime | None = None
    client_connected_at: datetime | None = None
    client_disconnected_at: datetime | None = None
    ending: Ending | None = None
    dangling_tasks: DanglingTasks | None = None
    timings: Timings = NO_TIMINGS
    result: Any = None
    prompts: Prompts | None = None
    conversation: Conversation | None = None
    conversation_ended_at: datetime | None = None
    stages: tuple[Stage, ...] | None = None


def conclude(observed: Observed, intent: EndIntent | None, now: datetime) -> FinalResult | None:
    """Return how the session finished, or None while it has not."""
    pod = observed.pod
    if pod is None:
        return _without_pod(observed, intent, now)
    if pod.state is not PodState.TERMINATED:
        return None
    if pod.termination and pod.termination.report:
        return _from_report(_with_node_evidence(pod.termination.report, pod.termination), observed)
    return _operator_result(
        _reason_of(pod, observed, intent), _outcome_of(pod, observed, intent), pod, observed, intent, now
    )


def start_failure_reason(waiting_reason: str) -> Reason | None:
    """Return the reason for a session that did not start, by the reason for which its pod waits."""
    if waiting_reason in IMAGE_REASONS:
        return Reason.IMAGE_PULL
    if waiting_reason in SCHEDULING_REASONS:
        return Reason.UNSCHEDULABLE
    return Reason.POD_REJECTED if waiting_reason in CONTAINER_REASONS else None


def _with_node_evidence(report: ExitReport, termination: Termination) -> ExitReport:
    """Return the report, with OutOfMemory in place of a SIGKILL that the supervisor could not explain.

    The container runtime notes that memory ran out even if the container goes on. Not every supervisor can read the
    kernel's counters.
    """
    is_explained = termination.reason != OUT_OF_MEMORY or report.reason is not Reason.BOT_EXITED
    if is_explained or report.exit_code != SIGKILLED:
        return report
    outcome = Outcome.KILLED if report.outcome is Outcome.LOST else report.outcome
    return replace(report, reason=Reason.OUT_OF_MEMORY, outcome=outcome)


def _from_report(report: ExitReport, observed: Observed) -> FinalResult:
    status, reason, message = observed.session.status, report.reason, report.message
    if reason is Reason.EVICTED and status and status.ending and status.ending.cause not in BOT_CAUSES:
        # The operator caused the SIGTERM: it deleted the pod because the supervisor did not answer.
        reason = reason_for(status.ending.cause)
    if reason is Reason.START_TIMEOUT and report.started_at is None:
        durations = startup.start_timeout_message(observed, report.timings.bot_imported)
        message = f"{durations}; {message}" if message else durations
    message = _with_pod_failure(report, reason, message, observed.pod)
    finish = Finish(
        reason=reason,
        outcome=report.outcome,
        reported_by=ReportedBy.RUNTIME,
        frame=report.frame,
        message=message,
        exit_code=report.exit_code,
        stuck_at=report.stuck_at,
    )
    return FinalResult(
        finish,
        finished_at=report.finished_at,
        started_at=report.started_at,
        client_connected_at=report.client_connected_at,
        client_disconnected_at=report.client_disconnected_at,
        ending=report.ending,
        dangling_tasks=report.dangling_tasks,
        timings=report.timings,
        result=report.result,
        prompts=report.prompts,
        conversation=report.conversation,
        conversation_ended_at=report.conversation_ended_at,
        stages=report.stages,
    )


def _with_pod_failure(report: ExitReport, reason: Reason, message: str | None, pod: Pod | None) -> str | None:
    """Return the message with the cluster's reason for the pod's failure before it: the supervisor only saw a SIGTERM.

    The bot may fail before the SIGTERM, for example because of the full disk for which its pod is evicted.
    """
    has_failed = final_phase(reason, report.outcome) is Phase.FAILED
    if pod is None or pod.failure is None or pod.failure.reason not in DISRUPTIONS:
        return message
    if reason is not Reason.EVICTED and not has_failed:
        return message
    failure = _failure_message(pod.failure)
    return f"{failure}; {message}" if message else failure


def _failure_message(failure: WaitingReason) -> str:
    return f"{failure.reason}: {failure.message}" if failure.message else failure.reason


def _without_pod(observed: Observed, intent: EndIntent | None, now: datetime) -> FinalResult | None:
    status = observed.session.status
    if status and status.pod_name:
        return _operator_result(
            _reason_without_report(intent), _outcome_of(None, observed, intent), None, observed, intent, now
        )
    if intent is None:
        return None  # the pod is about to be created
    refusal = _false_condition_reason(status, ConditionType.POD_CREATED)
    reason = Reason.POD_REJECTED if refusal and intent.cause is Cause.START_TIMEOUT else reason_for(intent.cause)
    return _operator_result(reason, Outcome.NEVER_STARTED, None, observed, intent, now)


def _operator_result(
    reason: Reason, outcome: Outcome, pod: Pod | None, observed: Observed, intent: EndIntent | None, now: datetime
) -> FinalResult:
    # The kubelet reports exit code 137 even for a container that never ran.
    termination = pod.termination if pod and pod.started_at else None
    finish = Finish(
        reason=reason,
        outcome=outcome,
        reported_by=ReportedBy.OPERATOR,
        message=_with_stage_durations(_message(reason, pod, observed.session.status), reason, observed, intent),
        exit_code=termination.exit_code if termination else None,
    )
    status = observed.session.status
    result = FinalResult(finish, finished_at=now)
    return replace(result, started_at=status.started_at) if status else result


def _reason_of(pod: Pod, observed: Observed, intent: EndIntent | None) -> Reason:
    termination = pod.termination or Termination("", None, None)
    if termination.reason == OUT_OF_MEMORY:
        return Reason.OUT_OF_MEMORY
    if intent and not intent.is_from_bot and _was_requested(pod, observed):
        waiting_reason = _false_condition_reason(observed.session.status, ConditionType.STARTED) or ""
        unstarted = start_failure_reason(waiting_reason) if intent.cause is Cause.START_TIMEOUT else None
        return unstarted or reason_for(intent.cause)
    if pod.failure:
        return DISRUPTIONS.get(pod.failure.reason, Reason.POD_REJECTED)
    if pod.is_deleting:
        return Reason.EVICTED
    if termination.reason in START_ERRORS:
        return Reason.POD_REJECTED
    return Reason.BOT_EXITED if pod.termination else Reason.UNKNOWN


def _was_requested(pod: Pod, observed: Observed) -> bool:
    """Return whether the operator acted on the intent to end before the pod ended by itself."""
    status = observed.session.status
    return pod.is_deleting or bool(status and status.ending)


def _reason_without_report(intent: EndIntent | None) -> Reason:
    return reason_for(intent.cause) if intent and not intent.is_from_bot else Reason.UNKNOWN


def _outcome_of(pod: Pod | None, observed: Observed, intent: EndIntent | None) -> Outcome:
    status = observed.session.status
    has_run = bool(pod and pod.started_at) or bool(status and status.started_at)
    if not has_run:
        return Outcome.NEVER_STARTED
    was_killed = bool(pod and pod.termination and pod.termination.reason == OUT_OF_MEMORY)
    ending = status.ending if status else None
    # The status may not have an ending of the last seconds yet.
    was_ended = bool(ending and _was_deleted(ending)) or bool(intent and pod and pod.is_deleting)
    return Outcome.KILLED if was_killed or was_ended else Outcome.LOST


def _was_deleted(ending: EndingStatus) -> bool:
    return any(each.step is Step.POD_DELETE for each in ending.steps)


def _message(reason: Reason, pod: Pod | None, status: Status | None) -> str:
    refused = _false_condition_message(status, ConditionType.POD_CREATED) if reason is Reason.POD_REJECTED else ""
    waiting_reason = _false_condition_message(status, ConditionType.STARTED)
    if pod and pod.failure:
        return _failure_message(pod.failure)
    if refused or (waiting_reason and reason in (Reason.IMAGE_PULL, Reason.UNSCHEDULABLE, Reason.POD_REJECTED)):
        return refused or waiting_reason
    if pod is None:
        return "the pod is gone and left no report" if status and status.pod_name else "no pod was started"
    if pod.started_at is None:
        detail = waiting_reason or (pod.termination.message if pod.termination else "")
        return f"the bot's container never started: {detail}" if detail else "the bot's container never started"
    if pod.termination is None:
        return "the pod was removed while its container ran, and left no report"
    ended = f"its container ended with {pod.termination.reason or 'no reason given'}"
    if pod.termination.unreadable:
        return f"the exit report could not be read, {pod.termination.unreadable}; {ended}"
    return f"the supervisor left no report; {ended}"


def _with_stage_durations(message: str, reason: Reason, observed: Observed, intent: EndIntent | None) -> str:
    """Return the message with the durations of the start's stages before it, if startTimeout ended the session."""
    status = observed.session.status
    is_start_timeout = intent is not None and intent.cause is Cause.START_TIMEOUT and not (status and status.started_at)
    is_slow = reason in (Reason.START_TIMEOUT, Reason.IMAGE_PULL, Reason.UNSCHEDULABLE, Reason.POD_REJECTED)
    return f"{startup.start_timeout_message(observed, None)}; {message}" if is_start_timeout and is_slow else message


def _false_condition_reason(status: Status | None, kind: ConditionType) -> str | None:
    """Return the reason of a condition that is False; None for any other."""
    found = find_condition(status, kind, ConditionStatus.FALSE)
    return found.reason if found else None


def _false_condition_message(status: Status | None, kind: ConditionType) -> str:
    found = find_condition(status, kind, ConditionStatus.FALSE)
    return found.message if found else ""
