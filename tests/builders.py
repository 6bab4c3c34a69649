"""What the operator's tests are arranged with: each builder gives a quiet, running session and shows what differs."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prometheus_client import CollectorRegistry

from botsession_contract.control import SessionPatch, SessionSnapshot
from botsession_contract.lifecycle import BotState, Cause, Farewell, Mode, Outcome, Phase, ProcessorKind, Reason, Step
from botsession_contract.names import REPORT_FINALIZER, SESSION_FINALIZER
from botsession_contract.report import Ending, ExitReport, StepTaken
from botsession_contract.session_limits import SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown
from botsession_operator.api.reasons import ExternalReason
from botsession_operator.api.spec import Json, Spec, parse_spec
from botsession_operator.api.status import (
    Condition,
    ConditionStatus,
    ConditionType,
    EndingStatus,
    Status,
)
from botsession_operator.core.observe.observed import (
    NoSnapshot,
    Observed,
    Pod,
    PodState,
    Session,
    Termination,
    WaitingReason,
)
from botsession_operator.core.observe.timeline import Timeline, timeline_of
from botsession_operator.core.session_key import Key, SessionIdentity
from botsession_operator.core.status.metric_samples import Metric, MetricSample, Stage, TaskKind

#: The clock of all tests stands here.
NOW: Final = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
KEY: Final = Key("bots", "support-42")
UID: Final = "5b8f3c1e-0000-4000-8000-000000000042"
POD_NAME: Final = "support-42-pod"
#: One of each thing that is counted of sessions.
EVERY_COUNT: Final = (
    MetricSample(Metric.FINISHED, 1, ("bots", Reason.COMPLETED, Outcome.DRAINED)),
    MetricSample(Metric.DANGLING_TASKS, 3, ("bots", TaskKind.UNMANAGED)),
    MetricSample(Metric.WITH_DANGLING_TASKS, 1, ("bots",)),
    MetricSample(Metric.REPORTS_MISSING, 1, ("bots",)),
    MetricSample(Metric.LADDER_STEPS, 1, ("bots", Step.END_FRAME)),
    MetricSample(Metric.FAREWELLS, 1, ("bots", Farewell.SPOKEN)),
    MetricSample(Metric.DURATION, 50),
    MetricSample(Metric.START, 1.5, (Stage.SCHEDULED,)),
    MetricSample(Metric.SHUTDOWN, 2, (Mode.GRACEFUL, Outcome.DRAINED)),
    MetricSample(Metric.LATENESS, 0.1),
    MetricSample(Metric.FIRST_SOUND, 0.8),
    MetricSample(Metric.SILENT, 1, ("bots",)),
    MetricSample(Metric.BOT_ERRORS, 4, ("bots", ProcessorKind.STT)),
)


def ago(seconds: float) -> datetime:
    """Return a time before NOW."""
    return NOW - timedelta(seconds=seconds)


def later(seconds: float) -> datetime:
    """Return a time after NOW."""
    return NOW + timedelta(seconds=seconds)


def raw_spec(**changes: Any) -> Json:
    """Return a spec as the API server has defaulted it; `shutdown` is merged, other members are replaced."""
    shutdown = {"mode": "Graceful", "gracePeriod": "30s", "cancelPeriod": "10s", "farewell": ""}
    shutdown |= changes.pop("shutdown", {})
    bot = {"image": "registry.example/bot:1", "target": "bot.py", "python": "python3", "runtime": "Injected"}
    limits = {"maxSessionDuration": "30m", "startTimeout": "2m", "joinTimeout": "1m", "end": "", "eviction": "Allow"}
    afterwards = {"ttlAfterFinished": "1h", "podRetention": "Never"}
    return {"bot": bot, "shutdown": shutdown, **limits, **afterwards, **changes}


def spec(**changes: Any) -> Spec:
    """Return a parsed spec; members in their JSON form, as in `raw_spec`."""
    return parse_spec(raw_spec(**changes))


def raw_session(**metadata: Any) -> Json:
    """Return a BotSession as the API server gives it, just created."""
    known = {"namespace": KEY.namespace, "name": KEY.name, "uid": UID, "resourceVersion": "1", "generation": 1}
    created = {"creationTimestamp": "2026-01-31T12:00:00Z"}
    kind = {"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSession"}
    return {**kind, "metadata": {**known, **created, **metadata}, "spec": raw_spec()}


def session(status: Status | None = None, **changes: Any) -> Session:
    """Return a session that was created a minute ago and is held; spec members in their JSON form."""
    ours: dict[str, Any] = {
        "created_at": ago(60),
        "is_deleting": False,
        "finalizers": (SESSION_FINALIZER,),
        "generation": 1,
    }
    ours |= {name: changes.pop(name) for name in ours.keys() & changes.keys()}
    return Session(key=KEY, uid=UID, resource_version="7", spec=spec(**changes), status=status, **ours)


def status(phase: Phase = Phase.PENDING, **members: Any) -> Status:
    """Return a recorded status."""
    return Status(phase, observed_generation=1, **members)


def started(**members: Any) -> Status:
    """Return the recorded status of a conversation that began 50 seconds ago."""
    return status(Phase.RUNNING, **{"pod_name": POD_NAME, "started_at": ago(50), **members})


def asked(cause: Cause, mode: Mode = Mode.GRACEFUL, *, since: float = 0, step: Step | None = None) -> EndingStatus:
    """Return a recorded ending."""
    return EndingStatus(cause, mode, ago(since), step, (StepTaken(step, ago(since)),) if step else ())


def over(phase: Phase = Phase.SUCCEEDED, *, since: float) -> Status:
    """Return the recorded status of a session whose finish was recorded so many seconds ago."""
    condition = Condition(ConditionType.FINISHED, ConditionStatus.TRUE, "Completed", "", ago(since), 1)
    return status(phase, finished_at=ago(since), conditions=(condition,))


def unmet(kind: ConditionType, reason: str, message: str = "") -> Condition:
    """Return a recorded condition that does not hold."""
    return Condition(kind, ConditionStatus.FALSE, reason, message, ago(30), 1)


def pod(state: PodState = PodState.RUNNING, **members: Any) -> Pod:
    """Return the session's pod: on a node, and held."""
    ours: dict[str, Any] = {
        "finalizers": (REPORT_FINALIZER,),
        "owner": SessionIdentity(KEY, UID),
        "node_name": "node-1",
        "address": "10.0.0.7",
        "started_at": ago(55),
    }
    names = {"namespace": KEY.namespace, "name": POD_NAME, "uid": "pod-uid", "resource_version": "3"}
    if state is PodState.WAITING:
        ours["started_at"] = None
    return Pod(state=state, **{**names, **ours, **members})


def waiting(reason: str = "", message: str = "", **members: Any) -> Pod:
    """Return a pod whose container has not started."""
    return pod(
        PodState.WAITING, waiting_reason=WaitingReason(ExternalReason(reason), message) if reason else None, **members
    )


def ended(reason: str = "Completed", left: ExitReport | None = None, **members: Any) -> Pod:
    """Return a pod whose container is over, and what it left."""
    exit_code = 0 if reason == "Completed" else 137
    return pod(PodState.TERMINATED, termination=Termination(reason, exit_code, left), **members)


def report(reason: Reason = Reason.COMPLETED, outcome: Outcome = Outcome.DRAINED, **members: Any) -> ExitReport:
    """Return an exit report of a conversation that just ended."""
    return ExitReport(reason, outcome, **{"finished_at": ago(1), "started_at": ago(50), **members})


def snapshot(state: BotState = BotState.RUNNING, **members: Any) -> SessionSnapshot:
    """Return what a supervisor answers whose pipeline started 50 seconds ago and who knows its deadline."""
    known = {"limits": SessionLimits(join_timeout_seconds=60.0), "shutdown": Shutdown(), "overrides": Overrides()}
    members = {**known, **members}
    facts: dict[str, Any] = (
        {} if state is BotState.STARTING else {"started_at": ago(50), "deadline": ago(50) + timedelta(minutes=30)}
    )
    return SessionSnapshot(state=state, now=NOW, **{**facts, **members})


def adjusted(before: SessionSnapshot, patch: SessionPatch) -> SessionSnapshot:
    """Return what a supervisor knows that has been told something new."""
    told = {each.name: getattr(patch, each.name) for each in fields(patch)}
    return replace(before, **{name: value for name, value in told.items() if value is not None})


def taken(cause: Cause, mode: Mode = Mode.GRACEFUL, *steps: Step, since: float = 0) -> Ending:
    """Return an ending as the supervisor tells of it."""
    return Ending(cause, mode, ago(since), tuple(StepTaken(step, ago(since)) for step in steps))


def samples(registry: CollectorRegistry, name: str) -> list[tuple[dict[str, str], float]]:
    """Return what a scrape shows under a name: labels and value of each series."""
    found = (sample for metric in registry.collect() for sample in metric.samples if sample.name == name)
    return [(sample.labels, sample.value) for sample in found]


def observed(of: Session, its_pod: Pod | None, control: SessionSnapshot | NoSnapshot | None = None) -> Observed:
    """Return one look at the world; a pod that runs answers unless told otherwise."""
    runs = its_pod is not None and its_pod.state is PodState.RUNNING
    return Observed(of, its_pod, control or (snapshot() if runs else NoSnapshot.NOT_ASKED))


def with_timeline(seen: Observed) -> tuple[Observed, Timeline]:
    """Return one look at the world with its timeline, as rules take them."""
    return seen, timeline_of(seen, NOW)
