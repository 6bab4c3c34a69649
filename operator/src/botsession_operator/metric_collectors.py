"""Collectors: metrics that are computed from the operator's memory when a scrape asks for them.

A scrape runs in its own thread while the event loop counts, so a collector first copies what it reads, in one step.
"""

import itertools
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from botsession_contract.lifecycle import Phase
from botsession_operator.core.session_key import Key
from botsession_operator.core.status.metric_samples import Metric, MetricSample
from botsession_operator.fair_queue import Priority
from botsession_operator.metric_labels import BY_NAMESPACE


class SessionGauges(Collector):
    """Gauges of sessions, of the work queue and of the watches."""

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

    def set_phase(self, key: Key, phase: Phase | None) -> None:
        """Record a session's phase; None removes the session."""
        if phase is None:
            self._phases.pop(key, None)
        else:
            self._phases[key] = phase

    def note_watch_event(self) -> None:
        """Record the time of the last watch event."""
        self._event_at = self._seconds()

    def namespaces(self) -> set[str]:
        """Return the namespaces that have sessions now."""
        return {key.namespace for key in tuple(self._phases)}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges. Each namespace with sessions shows all phases, so that none is missing from a sum."""
        sessions = GaugeMetricFamily(
            "botsession_sessions", "Sessions that exist, by phase", labels=("namespace", "phase")
        )
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
            "botsession_watch_event_age_seconds", "Time since the last watch event, or since the operator's start", age
        )


class NamespaceCounters(Collector):
    """Counters by namespace that show 0 before they count. Otherwise increase() would miss the first increment.

    Zeros are shown for namespaces that have sessions now. A zero may disappear and come back without harm, so a
    namespace that comes and goes leaves only the series that have counted.
    """

    def __init__(self, registry: CollectorRegistry, namespaces: Callable[[], Set[str]]) -> None:
        self._counted: dict[Metric, dict[tuple[str, ...], int]] = {metric: {} for metric in BY_NAMESPACE}
        self._namespaces = namespaces
        registry.register(self)

    def add(self, count: MetricSample) -> None:
        """Count a sample."""
        counted = self._counted[count.metric]
        counted[count.labels] = counted.get(count.labels, 0) + int(count.value)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counters, and the zeros."""
        for metric, (text, labels) in BY_NAMESPACE.items():
            zeros = dict.fromkeys(itertools.product(self._namespaces(), *labels.values()), 0)
            family = CounterMetricFamily(metric, text, labels=("namespace", *labels))
            for values, count in (zeros | self._counted[metric]).items():
                family.add_metric(values, count)
            yield family


class PollerState(Protocol):
    """What a scrape reads of the supervisor poller, in another thread."""

    def in_flight(self) -> int:
        """Return how many requests are in flight."""
        ...

    def waiting(self) -> Mapping[Priority, int]:
        """Return how many supervisors wait to be asked, by priority."""
        ...

    def silent(self) -> Mapping[str, int]:
        """Return how many supervisors are silent, by namespace."""
        ...

    def silent_nodes(self) -> int:
        """Return how many nodes are silent."""
        ...

    def heard(self) -> int:
        """Return how many supervisors are not polled, because their heartbeats arrive."""
        ...


class PollerGauges(Collector):
    """Gauges of the supervisor poller."""

    def __init__(self, poller: PollerState, namespaces: Callable[[], Set[str]]) -> None:
        self._poller = poller
        self._namespaces = namespaces

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges. Each namespace with sessions shows its number of silent supervisors, even 0."""
        poller = self._poller
        text = "Requests to supervisors that wait for an answer"
        yield GaugeMetricFamily("botsession_control_requests_in_flight", text, poller.in_flight())
        waiting = GaugeMetricFamily(
            "botsession_control_queue_depth", "Supervisors that wait to be asked", labels=("priority",)
        )
        for priority, number in poller.waiting().items():
            waiting.add_metric((priority.label,), number)
        yield waiting
        silent = GaugeMetricFamily(
            "botsession_silent_supervisors", "Supervisors that did not answer when last asked", labels=("namespace",)
        )
        for namespace, number in (dict.fromkeys(self._namespaces(), 0) | dict(poller.silent())).items():
            silent.add_metric((namespace,), number)
        yield silent
        text = "Supervisors whose heartbeats arrive, so that the operator does not poll them"
        yield GaugeMetricFamily("botsession_heard_supervisors", text, poller.heard())
        text = "Nodes with several silent supervisors, none of which has answered since"
        yield GaugeMetricFamily("botsession_silent_nodes", text, poller.silent_nodes())
