"""Prometheus' own tool reads what the operator serves, the alerts and the page's queries, and finds nothing wrong."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from botsession_contract.lifecycle import Phase
from botsession_operator.metric_labels import Action
from botsession_operator.metrics import Metrics
from tests.builders import EVERY_COUNT, KEY

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "charts/botsession-operator/files/alerts.yaml"
PAGES = ("reference/metrics.md", "operations/monitoring.md", "operations/alerts.md")
PAGE = "\n".join((ROOT / "docs" / page).read_text() for page in PAGES)
QUERIES = re.findall(r"^```promql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def promtool() -> Path:
    got = subprocess.run([ROOT / "hack/tools", "promtool"], capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stderr
    return ROOT / ".tools/bin/promtool"


def test_promtool_has_nothing_against_the_metrics(promtool: Path) -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.count(EVERY_COUNT)
    metrics.set_phase(KEY, Phase.RUNNING)
    metrics.count_control_request(Action.END, 202)
    encode, _ = choose_encoder("text/plain")

    check = subprocess.run(
        [promtool, "check", "metrics"], input=encode(metrics.registry), capture_output=True, check=False
    )

    assert (check.returncode, check.stderr.decode()) == (0, "")


def test_promtool_takes_the_alerts(promtool: Path) -> None:
    check = subprocess.run([promtool, "check", "rules", ALERTS], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr


def test_the_alerts_fire_when_they_should(promtool: Path) -> None:
    cases = Path(__file__).with_name("alerts_test.yaml")
    test = subprocess.run([promtool, "test", "rules", cases], capture_output=True, text=True, check=False)
    assert test.returncode == 0, test.stdout + test.stderr


def test_promtool_understands_each_query_of_the_page(promtool: Path, tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(QUERIES)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": rules}]}))
    check = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
    assert f"{len(QUERIES)} rules found" in check.stdout


def test_queries_and_alerts_ask_only_for_what_there_is() -> None:
    expressions = [*QUERIES, *(rule["expr"] for rule in alerts())]
    asked = {name for text in expressions for name in re.findall(r"botsession_\w+", text)}
    assert {name.removesuffix("_bucket") for name in asked} <= {
        *re.findall(r"^\| `(botsession_\w+)`", PAGE, re.MULTILINE)
    }


def test_the_page_explains_each_alert_with_its_severity() -> None:
    rows = re.findall(r"^\| `(BotSession\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [(rule["alert"], rule["labels"]["severity"]) for rule in alerts()]


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])
