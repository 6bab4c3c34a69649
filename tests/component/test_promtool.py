"""Prometheus' own tool reads what the operator serves, and finds nothing to say against its names."""

import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from botsession_contract.lifecycle import Phase
from botsession_operator.metrics import Action, Metrics
from tests.builders import EVERY_COUNT, KEY

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def promtool() -> Path:
    got = subprocess.run([ROOT / "hack/tools", "promtool"], capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stderr
    return ROOT / ".tools/bin/promtool"


def test_promtool_has_nothing_against_the_metrics(promtool: Path) -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.count(EVERY_COUNT)
    metrics.show(KEY, Phase.RUNNING)
    metrics.asked(Action.END, 202)
    encode, _ = choose_encoder("text/plain")

    check = subprocess.run(
        [promtool, "check", "metrics"], input=encode(metrics.registry), capture_output=True, check=False
    )

    assert (check.returncode, check.stderr.decode()) == (0, "")
