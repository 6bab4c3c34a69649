"""What users may set in the chart's values, and what comes of it."""

import re

import pytest
import yaml

from tests.chart.conftest import CHART, Helm


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("metrics.podMonitor.interval=often", "does not match pattern"),
        ("log.levl=info", "additional properties 'levl' not allowed"),
        ("log.level=loud", "value must be one of 'debug', 'info', 'warning', 'error'"),
        ("runtime.injection=Sidecar", "value must be one of 'Auto', 'ImageVolume', 'InitContainer'"),
        ("replicas=0", "minimum: got 0, want 1"),
        ("shards=0", "minimum: got 0, want 1"),
        ("shards=-1", "minimum: got -1, want 1"),
        ("shards=17", "maximum: got 17, want 16"),
        ("shards=two", "got string, want integer"),
        ("workers=0", "minimum: got 0, want 1"),
        ("uninstall.timeoutSeconds=10m", "got string, want integer"),
        ("webhook.url=https://example.com", "webhook.url needs webhook.existingSecret"),
        ("webhook.url=example.com", "does not match pattern"),
        ("webhook.events={ended}", "value must be one of 'started', 'finished'"),
        ("networkPolicy.egress.apiServerPorts={0}", "minimum: got 0, want 1"),
        ("guardrails.rules[0].images={a b}", "does not match pattern"),
        ("guardrails.rules[0].maxSessionDuration=2 hours", "does not match pattern"),
        ("guardrails.rules[0].nam=x", "additional properties 'nam' not allowed"),
        ("serviceAccount.create=false", "serviceAccount.name must say which ServiceAccount to use"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_a_sentence(helm: Helm, value: str, sentence: str) -> None:
    result = helm("template", "botsession", CHART, "--set", value)
    assert result.returncode != 0
    assert sentence in result.stderr


def test_each_value_is_explained_by_a_comment_above_it() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    quantities = ("cpu", "memory")
    keys = [number for number, line in enumerate(lines) if re.match(r" *\w+:", line)]
    bare = [lines[n].strip() for n in keys if not lines[n - 1].strip().startswith("#")]
    assert [line for line in bare if not line.startswith(quantities)] == []


def test_the_values_schema_knows_each_value_and_no_other() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert schema["properties"].keys() - {"global"} == values.keys()
    for name, value in values.items():
        if known := schema["properties"][name].get("properties"):
            assert known.keys() == value.keys()


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("botsession", "botsession-operator"),
        ("botsession-operator", "botsession-operator"),
        ("voice", "voice-botsession-operator"),
    ],
)
def test_names_follow_the_release_without_saying_it_twice(helm: Helm, release: str, name: str) -> None:
    rendered = helm("template", release, CHART, "--show-only=templates/service.yaml").stdout
    assert yaml.safe_load(rendered)["metadata"]["name"] == name
