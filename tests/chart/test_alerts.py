"""The alerts that the chart makes where that is asked for."""

import yaml

from tests.chart.conftest import CHART, Render


def test_alerts_are_made_only_where_that_is_asked_for(render: Render) -> None:
    assert not render().of("PrometheusRule")
    assert render(metrics__prometheusRule__enabled=True).one("PrometheusRule")


def test_the_alerts_are_those_of_the_rule_file(render: Render) -> None:
    objects = render(metrics__prometheusRule__enabled=True)
    assert objects.one("PrometheusRule")["spec"] == yaml.safe_load((CHART / "files/alerts.yaml").read_text())


def test_alerts_can_be_labelled_for_their_prometheus(render: Render) -> None:
    objects = render(metrics__prometheusRule__enabled=True, metrics__prometheusRule__labels={"release": "prometheus"})
    assert objects.one("PrometheusRule")["metadata"]["labels"]["release"] == "prometheus"
