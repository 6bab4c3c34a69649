"""A real API server that knows the Prometheus Operator's own resources takes what the chart makes for it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.world import PATIENCE, ROOT, Json, kubectl, wait_until

pytestmark = pytest.mark.cluster

HELM = ROOT / ".tools/bin/helm"
#: As the Prometheus Operator publishes them; hack/tools monitoring-crds brings them.
CRDS = ROOT / ".tools/monitoring-crds"
KINDS = ("PodMonitor", "PrometheusRule")


@pytest.fixture(scope="module")
def monitoring(kubeconfig: Path) -> Iterator[None]:
    """Let the API server know of the resources; nothing here acts on them."""
    files = [part for file in sorted(CRDS.glob("*.yaml")) for part in ("-f", file)]
    made = kubectl("apply", *files)
    assert made.returncode == 0, made.stderr
    # The API server serves them a moment after it has taken their definitions.
    known = ("get", "podmonitors,prometheusrules", "--all-namespaces")
    wait_until(lambda: kubectl(*known).returncode == 0, PATIENCE, "known to the API server")
    yield
    kubectl("delete", *files)


def rendered() -> dict[str, Json]:
    """Render the chart's objects for the Prometheus Operator."""
    asked = [f"--set=metrics.{part}.enabled=true" for part in ("podMonitor", "prometheusRule")]
    asked += ["--set=networkPolicy.enabled=false"]
    chart = ROOT / "charts/botsession-operator"
    made = subprocess.run([HELM, "template", "botsession", chart, *asked], capture_output=True, text=True, check=True)
    objects = (each for each in yaml.safe_load_all(made.stdout) if each)
    return {each["kind"]: each for each in objects if each["kind"] in KINDS}


def create(manifest: Json) -> "subprocess.CompletedProcess[str]":
    """Have the API server look at an object as if it were created."""
    checks = ("--dry-run=server", "--validate=strict", "--namespace=default")
    return kubectl("create", *checks, "-f", "-", stdin=json.dumps({**manifest, "metadata": {"name": "botsession"}}))


@pytest.mark.usefixtures("monitoring")
@pytest.mark.parametrize("kind", KINDS)
def test_the_api_server_takes_what_the_chart_makes(kind: str) -> None:
    created = create(rendered()[kind])
    assert created.returncode == 0, created.stderr


@pytest.mark.usefixtures("monitoring")
def test_the_api_server_would_see_a_field_that_is_misspelt() -> None:
    monitor = rendered()["PodMonitor"]
    monitor["spec"]["podMetricsEndpoints"][0]["honourLabels"] = True
    assert 'unknown field "spec.podMetricsEndpoints[0].honourLabels"' in create(monitor).stderr
