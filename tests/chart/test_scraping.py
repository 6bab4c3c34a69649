"""How Prometheus finds the operator: annotations of a Service, or a PodMonitor."""

from typing import Final

from botsession_operator.server import METRICS_PATH
from tests.chart.conftest import Render

SCRAPED: Final = {"prometheus.io/scrape": "true"}


def test_no_service_is_annotated_by_default(render: Render) -> None:
    assert "annotations" not in render().one("Service")["metadata"]


def test_the_service_with_annotations_selects_all_of_several_operators(render: Render) -> None:
    objects = render(metrics__annotations=SCRAPED)
    (service,) = (item for item in objects.of("Service") if "annotations" in item["metadata"])
    assert service["metadata"]["annotations"] == SCRAPED
    assert service["spec"]["selector"] == objects.one("Deployment")["spec"]["selector"]["matchLabels"]


def test_the_one_service_of_an_operator_that_stands_alone_is_annotated(render: Render) -> None:
    service = render(metrics__annotations=SCRAPED, replicas=1).one("Service")
    assert service["metadata"]["annotations"] == SCRAPED


MONITORED: Final = {
    "metrics__podMonitor__enabled": True,
    "networkPolicy__metricsFrom": [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ],
}


def test_a_pod_monitor_is_made_only_where_that_is_asked_for(render: Render) -> None:
    assert not render().of("PodMonitor")
    assert render(**MONITORED).one("PodMonitor")


def test_the_pod_monitor_scrapes_what_the_operator_serves(render: Render) -> None:
    objects = render(**MONITORED, metrics__podMonitor__interval="10s")
    monitor = objects.one("PodMonitor")["spec"]
    (endpoint,), (port, _) = monitor["podMetricsEndpoints"], objects.pod["containers"][0]["ports"]
    assert monitor["selector"]["matchLabels"] == objects.one("Deployment")["spec"]["selector"]["matchLabels"]
    assert (endpoint["port"], endpoint["path"], endpoint["interval"]) == (port["name"], METRICS_PATH, "10s")


def test_the_namespace_of_a_session_is_not_taken_for_the_operators(render: Render) -> None:
    (endpoint,) = render(**MONITORED).one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True


def test_a_pod_monitor_can_be_labelled_for_its_prometheus(render: Render) -> None:
    objects = render(**MONITORED, metrics__podMonitor__labels={"release": "prometheus"})
    assert objects.one("PodMonitor")["metadata"]["labels"]["release"] == "prometheus"
