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

    def set_phase(self, key: Key, phase: Phase | None) -> None:
        """Remember a session's phase; None forgets it."""
        if phase is None:
            self._phases.pop(key, None)
        else:
            self._phases[key] = phase

    def note_watch_event(self) -> None:
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


class NamespaceCounters(Collector):
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


class PollerState(Protocol):
    """The supervisors that are asked, as far as a scrape wants to know. It asks in a thread of its own."""

    def in_flight(self) -> int:
        """Return how many are being asked."""
        ...

    def waiting(self) -> Mapping[Priority, int]:
        """Return how many wait to be asked, by priority."""
        ...

    def silent(self) -> Mapping[str, int]:
        """Return how many are silent, by namespace."""
        ...

    def silent_nodes(self) -> int:
        """Return how many nodes are silent."""
        ...


class PollerGauges(Collector):
    """How it goes with the supervisors that are asked now."""

    def __init__(self, poller: PollerState, namespaces: Callable[[], Set[str]]) -> None:
        self._poller = poller
        self._namespaces = namespaces

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges. A namespace that holds sessions shows how many are silent, be it 0."""
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
        text = "Nodes of which several supervisors are silent, and none has answered since"
        yield GaugeMetricFamily("botsession_silent_nodes", text, poller.silent_nodes())
