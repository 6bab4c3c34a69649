"""The operator's metrics for Prometheus. docs/reference/metrics.md describes each one; a test compares the two."""

import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from botsession_contract.lifecycle import Mode, Outcome, Phase
from botsession_operator.api.spec import SpecError
from botsession_operator.api.status import Delivery
from botsession_operator.core.observe.webhook_delivery import Answer, EventType
from botsession_operator.core.session_key import Key
from botsession_operator.core.status.metric_samples import Metric, MetricSample, Stage
from botsession_operator.errors import Conflict, RequestRefused, TransientError
from botsession_operator.fair_queue import Priority
from botsession_operator.metric_collectors import NamespaceCounters, PollerGauges, PollerState, SessionGauges
from botsession_operator.metric_labels import BY_NAMESPACE, Action, NoCode, ReconcileErrorKind
from botsession_operator.poke_gate import Admission
from botsession_operator.received_heartbeats import HeartbeatResult

#: Runs one pass; returns when the next one is due.
Pass = Callable[[Key], Awaitable[datetime | None]]

#: Upper bounds in seconds. Each set ends at a limit of the API or a timeout of the operator.
CALL: Final = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
START: Final = (0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600)
SHUTDOWN: Final = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 40, 60, 120, 300)
#: A caller notices a pause of one second, and hangs up after ten.
FIRST_SOUND: Final = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60)
#: After 15 s the supervisor's own backstop ends the session.
LATENESS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30)
PASS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters and histograms, on a registry of their own. They begin at zero when the process starts."""

    def __init__(
        self,
        registry: CollectorRegistry,
        queued: Callable[[], Mapping[Priority, int]] = dict,
        seconds: Callable[[], float] = time.monotonic,
        is_leader: Callable[[], bool] = lambda: True,
        shards: int = 1,
    ) -> None:
        self.registry = registry
        leader = Gauge("botsession_leader", "Whether this operator leads: 1 or 0", registry=registry)
        leader.set_function(lambda: float(is_leader()))
        Gauge("botsession_shards", "Into how many shards the sessions are divided", registry=registry).set(shards)
        self._seconds = seconds
        self._sessions = SessionGauges(registry, queued, seconds)
        self._by_namespace = NamespaceCounters(registry, self._sessions.namespaces)
        self._times = _session_times(registry)
        self._control_requests = Counter(
            "botsession_control_requests",
            "Requests to supervisors, by action and HTTP status",
            ("action", "code"),
            registry=registry,
        )
        self._status_refusals = Counter(
            "botsession_status_refusals",
            "Statuses that the API server refused permanently",
            registry=registry,
        )
        self._webhook_deliveries = Counter(
            "botsession_webhook_deliveries",
            "Attempts to send an event to the webhook, by event and result",
            ("event", "result"),
            registry=registry,
        )
        self._passes = Histogram(
            "botsession_reconcile_seconds", "Duration of reconcile passes", buckets=PASS, registry=registry
        )
        self._errors = Counter(
            "botsession_reconcile_errors",
            "Reconcile passes that failed, by kind of error",
            ("error",),
            registry=registry,
        )
        self._pokes = Counter("botsession_pokes", "Pokes, by result", ("result",), registry=registry)
        heartbeats = Counter("botsession_heartbeats", "Heartbeats, by result", ("result",), registry=registry)
        #: Looked up once, since heartbeats are many.
        self._heartbeats = {result: heartbeats.labels(result) for result in HeartbeatResult}
        for kind in ReconcileErrorKind:
            self._errors.labels(kind)
        for admission in Admission:
            self._pokes.labels(admission)
        for action, code in itertools.product(Action, NoCode):
            self._control_requests.labels(action, code)
        for event, result in itertools.product(EventType, (*Answer, Delivery.GAVE_UP)):
            self._webhook_deliveries.labels(event, result)

    def count(self, counts: tuple[MetricSample, ...]) -> None:
        """Count the samples of a status that has been written."""
        for each in counts:
            if each.metric in BY_NAMESPACE:
                self._by_namespace.add(each)
            else:
                times = self._times[each.metric]
                (times.labels(*each.labels) if each.labels else times).observe(each.value)

    def set_phase(self, key: Key, phase: Phase | None) -> None:
        """Record the phase of a session; None when it is gone."""
        self._sessions.set_phase(key, phase)

    def note_watch_event(self) -> None:
        """Record that a watch has brought an event."""
        self._sessions.note_watch_event()

    def register_poller(self, poller: PollerState) -> None:
        """Add the gauges of the supervisor poller."""
        self.registry.register(PollerGauges(poller, self._sessions.namespaces))

    def count_control_request(self, action: Action, code: int | NoCode) -> None:
        """Count a request to a supervisor."""
        self._control_requests.labels(action, _label(code)).inc()

    def count_poke(self, admission: Admission) -> None:
        """Count a poke."""
        self._pokes.labels(admission).inc()

    def count_heartbeat(self, result: HeartbeatResult) -> None:
        """Count a heartbeat."""
        self._heartbeats[result].inc()

    def count_status_refusal(self) -> None:
        """Count a status that the API server refused for good."""
        self._status_refusals.inc()

    def count_delivery(self, event: EventType, result: Answer | Delivery) -> None:
        """Count an attempt to send an event to the webhook, or that the operator gave up."""
        self._webhook_deliveries.labels(event, result).inc()

    def timed(self, do_pass: Pass) -> Pass:
        """Return the pass with counting and timing around it; its errors still reach the queue."""

        async def timed_pass(key: Key) -> datetime | None:
            began = self._seconds()
            try:
                return await do_pass(key)
            except Exception as exc:
                self._errors.labels(_error_kind(exc)).inc()
                raise
            finally:
                self._passes.observe(self._seconds() - began)

        return timed_pass


def _session_times(registry: CollectorRegistry) -> dict[Metric, Histogram]:
    def histogram(metric: Metric, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(metric, text, labels, buckets=buckets, registry=registry)

    starts = histogram(Metric.START, "From a session's creation to a stage of its start", START, "stage")
    shutdowns = histogram(Metric.SHUTDOWN, "From the request to end until the end", SHUTDOWN, "mode", "outcome")
    for stage in Stage:
        starts.labels(stage)
    for mode, outcome in itertools.product(Mode, Outcome):
        shutdowns.labels(mode, outcome)
    return {
        Metric.DURATION: histogram(Metric.DURATION, "From pipeline start to the end", CALL),
        Metric.START: starts,
        Metric.SHUTDOWN: shutdowns,
        Metric.FIRST_SOUND: histogram(
            Metric.FIRST_SOUND, "From the client's connection to the bot's first sound", FIRST_SOUND
        ),
        Metric.LATENESS: histogram(
            Metric.LATENESS, "From the deadline to the first rung of the shutdown ladder", LATENESS
        ),
    }


def _label(code: int | NoCode) -> str:
    if isinstance(code, NoCode):
        return code
    return str(code) if code in _STATUSES else NoCode.OTHER


def _error_kind(exc: Exception) -> ReconcileErrorKind:
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
