"""The numbers of what is asked of supervisors now. docs/reference/metrics.md says what each means."""

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from botsession_operator.fair_queue import Priority


class Polled(Protocol):
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


class Polling(Collector):
    """How it goes with the supervisors that are asked now."""

    def __init__(self, polled: Polled, namespaces: Callable[[], Set[str]]) -> None:
        self._polled = polled
        self._namespaces = namespaces

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges. A namespace that holds sessions shows how many are silent, be it 0."""
        polled = self._polled
        text = "Requests to supervisors that wait for an answer"
        yield GaugeMetricFamily("botsession_control_requests_in_flight", text, polled.in_flight())
        waiting = GaugeMetricFamily(
            "botsession_control_queue_depth", "Supervisors that wait to be asked", labels=("priority",)
        )
        for priority, number in polled.waiting().items():
            waiting.add_metric((priority.label,), number)
        yield waiting
        silent = GaugeMetricFamily(
            "botsession_silent_supervisors", "Supervisors that did not answer when last asked", labels=("namespace",)
        )
        for namespace, number in (dict.fromkeys(self._namespaces(), 0) | dict(polled.silent())).items():
            silent.add_metric((namespace,), number)
        yield silent
        text = "Nodes of which several supervisors are silent, and none has answered since"
        yield GaugeMetricFamily("botsession_silent_nodes", text, polled.silent_nodes())
