"""The operator's numbers, for Prometheus. docs/reference/metrics.md says what each means, and a test compares the two.

A scrape reads in a thread of its own while the loop counts, so what is collected is copied first, in one go.
Labels come from enums, but for the namespace: a number of series that grows with the sessions would be a leak.
"""

import itertools
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterator, Mapping, Set
from datetime import datetime
from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from botsession_contract.documented import DocumentedEnum
from botsession_contract.lifecycle import Farewell, Mode, Outcome, Phase, ProcessorKind, Reason, Step
from botsession_operator.api.spec import SpecError
from botsession_operator.api.status import Delivery
from botsession_operator.core.observe.webhook_delivery import Answer, EventType
from botsession_operator.core.session_key import Key
from botsession_operator.core.status.metric_samples import Metric, MetricSample, Stage, TaskKind
from botsession_operator.errors import Conflict, RequestRefused, TransientError
from botsession_operator.fair_queue import Priority
from botsession_operator.poke_gate import Admission
from botsession_operator.polling_metrics import Polled, Polling

#: One look at a session; gives the time of the next.
Pass = Callable[[Key], Awaitable[datetime | None]]

#: Upper bounds in seconds. Each set ends where the API's own limits, or the operator's patience, do.
CALL: Final = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
START: Final = (0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600)
SHUTDOWN: Final = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 40, 60, 120, 300)
#: A caller hears a second as a pause, and takes ten for a dead line.
FIRST_SOUND: Final = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60)
#: 15 s is where the supervisor's own backstop strikes.
LATENESS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30)
PASS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

#: What is counted of sessions by namespace: what each counter tells, and its other labels with all that they can be.
BY_NAMESPACE: Final[dict[Metric, tuple[str, dict[str, type[DocumentedEnum]]]]] = {
    Metric.FINISHED: ("Sessions that ended", {"reason": Reason, "outcome": Outcome}),
    Metric.DANGLING_TASKS: ("Tasks that bots left behind", {"kind": TaskKind}),
    Metric.WITH_DANGLING_TASKS: ("Sessions whose bot left tasks behind", {}),
    Metric.REPORTS_MISSING: ("Sessions whose supervisor ran and left no report", {}),
    Metric.LADDER_STEPS: ("Rungs of the shutdown ladder that were stepped on", {"step": Step}),
    Metric.FAREWELLS: ("What became of the farewells of sessions that were asked to end", {"result": Farewell}),
    Metric.SILENT: ("Sessions in which a client was there, and the bot never made a sound", {}),
    Metric.BOT_ERRORS: ("Errors of bots' processors that did not end the pipeline", {"processor": ProcessorKind}),
}


class Action(DocumentedEnum):
    """What a supervisor is asked."""

    SNAPSHOT = "snapshot", "The operator asked how the session is."
    END = "end", "The operator asked the supervisor to end the session."
    ADJUST = "adjust", "The operator sent new limits."


class NoCode(DocumentedEnum):
    """What stands for the HTTP status of an answer that has none to be told."""

    NO_ANSWER = "NoAnswer", "No connection, or no answer in time."
    UNREADABLE = "Unreadable", "The answer was no snapshot."
    # Pods run users' images, whose answers must not make series.
    OTHER = "Other", "The answer had a status that HTTP does not define."


class ReconcileErrorKind(DocumentedEnum):
    """Why a pass was broken off."""

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
    "botsession_queue_depth": {"priority": tuple(Priority)},
    "botsession_control_queue_depth": {"priority": tuple(Priority)},
}


class Metrics:
    """Counts, on a registry of its own: what a scrape shows is what this operator has done since it started."""

    def __init__(
        self,
        registry: CollectorRegistry,
        queued: Callable[[], Mapping[Priority, int]] = dict,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registry = registry
        self._seconds = seconds
        self._sessions = Snapshot(registry, queued, seconds)
        self._by_namespace = Tallies(registry, self._sessions.namespaces)
        self._times = _session_times(registry)
        self._asked = Counter(
            "botsession_control_requests",
            "Requests to supervisors, by what was asked and the HTTP status",
            ("action", "code"),
            registry=registry,
        )
        self._status_refused = Counter(
            "botsession_status_refusals",
            "Statuses that the API server refused for good",
            registry=registry,
        )
        self._delivered = Counter(
            "botsession_webhook_deliveries",
            "Tries to send an event to the webhook, by the event and what became of it",
            ("event", "result"),
            registry=registry,
        )
        self._passes = Histogram("botsession_reconcile_seconds", "Passes", buckets=PASS, registry=registry)
        self._troubles = Counter(
            "botsession_reconcile_errors",
            "Passes that were broken off",
            ("error",),
            registry=registry,
        )
        self._pokes = Counter("botsession_pokes", "Pokes, by what became of them", ("result",), registry=registry)
        for trouble in ReconcileErrorKind:
            self._troubles.labels(trouble)
        for admission in Admission:
            self._pokes.labels(admission)
        for action, code in itertools.product(Action, NoCode):
            self._asked.labels(action, code)
        for event, result in itertools.product(EventType, (*Answer, Delivery.GAVE_UP)):
            self._delivered.labels(event, result)

    def count(self, counts: tuple[MetricSample, ...]) -> None:
        """Count what a status tells that has been written."""
        for each in counts:
            if each.metric in BY_NAMESPACE:
                self._by_namespace.add(each)
            else:
                times = self._times[each.metric]
                (times.labels(*each.labels) if each.labels else times).observe(each.value)

    def show(self, key: Key, phase: Phase | None) -> None:
        """Remember the phase that a pass has seen; None when the session is gone."""
        self._sessions.show(key, phase)

    def watched(self) -> None:
        """Remember that a watch has brought an event."""
        self._sessions.watched()

    def follow(self, polled: Polled) -> None:
        """Show what is asked of supervisors now, and how many of them are silent."""
        self.registry.register(Polling(polled, self._sessions.namespaces))

    def asked(self, action: Action, code: int | NoCode) -> None:
        """Count a request to a supervisor."""
        self._asked.labels(action, _label(code)).inc()

    def poked(self, admission: Admission) -> None:
        """Count a poke by what became of it."""
        self._pokes.labels(admission).inc()

    def status_refused(self) -> None:
        """Count a status that the API server will never take."""
        self._status_refused.inc()

    def delivered(self, event: EventType, result: Answer | Delivery) -> None:
        """Count what became of a try to send an event to the webhook, or that there is no other."""
        self._delivered.labels(event, result).inc()

    def timed(self, do_pass: Pass) -> Pass:
        """Wrap a pass so that it is counted and timed; what it raises goes on to the queue."""

        async def timed_pass(key: Key) -> datetime | None:
            began = self._seconds()
            try:
                return await do_pass(key)
            except Exception as exc:
                self._troubles.labels(_trouble(exc)).inc()
                raise
            finally:
                self._passes.observe(self._seconds() - began)

        return timed_pass


class Snapshot(Collector):
    """What is so now: taken when a scrape asks, so that nothing has to be kept in step."""

    def __init__(
        self,
        registry: CollectorRegistry,
        queued: Callable[[], Mapping[Priority, int]],
        seconds: Callable[[], float],
    ) -> None:
        self._phases: dict[Key, Phase] = {}
        self._queued = queued
        self._seconds = seconds
        self._event_at = seconds()
        registry.register(self)

    def show(self, key: Key, phase: Phase | None) -> None:
        """Remember a session's phase; None forgets it."""
        if phase is None:
            self._phases.pop(key, None)
        else:
            self._phases[key] = phase

    def watched(self) -> None:
        """Remember the time of the last event."""
        self._event_at = self._seconds()

    def namespaces(self) -> set[str]:
        """Name the namespaces that hold sessions now."""
        return {key.namespace for key in tuple(self._phases)}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges. A namespace that holds sessions shows all phases, so that none is missing from a sum."""
        sessions = GaugeMetricFamily("botsession_sessions", "Sessions that exist", labels=("namespace", "phase"))
        tally = Tally((key.namespace, phase) for key, phase in tuple(self._phases.items()))
        for namespace in sorted({namespace for namespace, _ in tally}):
            for phase in Phase:
                sessions.add_metric((namespace, phase), tally[namespace, phase])
        yield sessions
        depths = self._queued()
        queue = GaugeMetricFamily("botsession_queue_depth", "Sessions that wait for a pass", labels=("priority",))
        for priority in Priority:
            queue.add_metric((priority.label,), depths.get(priority, 0))
        yield queue
        age = self._seconds() - self._event_at
        yield GaugeMetricFamily(
            "botsession_watch_event_age_seconds", "Time since a watch brought an event, or since the start", age
        )


class Tallies(Collector):
    """Counters by namespace, each shown with 0 before it counts: increase() does not see the 1 that a series begins at.

    The zeros are those of namespaces that hold sessions now. What has counted stays; a zero may go and come back
    without harm, so that namespaces that come and go leave little behind.
    """

    def __init__(self, registry: CollectorRegistry, namespaces: Callable[[], Set[str]]) -> None:
        self._counted: dict[Metric, dict[tuple[str, ...], int]] = {metric: {} for metric in BY_NAMESPACE}
        self._namespaces = namespaces
        registry.register(self)

    def add(self, count: MetricSample) -> None:
        """Count."""
        counted = self._counted[count.metric]
        counted[count.labels] = counted.get(count.labels, 0) + int(count.value)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield all that has been counted, and the zeros."""
        for metric, (text, labels) in BY_NAMESPACE.items():
            zeros = dict.fromkeys(itertools.product(self._namespaces(), *labels.values()), 0)
            family = CounterMetricFamily(metric, text, labels=("namespace", *labels))
            for values, count in (zeros | self._counted[metric]).items():
                family.add_metric(values, count)
            yield family


def _session_times(registry: CollectorRegistry) -> dict[Metric, Histogram]:
    def histogram(metric: Metric, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(metric, text, labels, buckets=buckets, registry=registry)

    starts = histogram(Metric.START, "From a session's creation to a stage of its start", START, "stage")
    shutdowns = histogram(Metric.SHUTDOWN, "From the request to the end", SHUTDOWN, "mode", "outcome")
    for stage in Stage:
        starts.labels(stage)
    for mode, outcome in itertools.product(Mode, Outcome):
        shutdowns.labels(mode, outcome)
    return {
        Metric.DURATION: histogram(Metric.DURATION, "From pipeline start to the end", CALL),
        Metric.START: starts,
        Metric.SHUTDOWN: shutdowns,
        Metric.FIRST_SOUND: histogram(Metric.FIRST_SOUND, "From the client's coming to the first sound", FIRST_SOUND),
        Metric.LATENESS: histogram(Metric.LATENESS, "From the deadline to the first rung", LATENESS),
    }


def _label(code: int | NoCode) -> str:
    if isinstance(code, NoCode):
        return code
    return str(code) if code in _STATUSES else NoCode.OTHER


def _trouble(exc: Exception) -> ReconcileErrorKind:
    match exc:
        case Conflict():
            return ReconcileErrorKind.CONFLICT
        case TransientError():
            return ReconcileErrorKind.TRANSIENT
        case SpecError():
            return ReconcileErrorKind.SPEC
        case RequestRefused():
            return ReconcileErrorKind.REFUSED
        case _:
            return ReconcileErrorKind.BUG


_STATUSES: Final = frozenset(HTTPStatus)
