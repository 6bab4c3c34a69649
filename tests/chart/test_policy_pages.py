"""The pages on guardrails and NetworkPolicies say what the chart does."""

from typing import Final

import yaml

from tests.chart.conftest import CHART, Helm
from tests.docs.blocks import ROOT, blocks_of
from tests.guardrails import REFUSED
from tests.manifests import Json

GUARDRAILS: Final = ROOT / "docs/operations/guardrails.md"
POLICIES: Final = ROOT / "docs/operations/network-policies.md"


def manifests() -> list[Json]:
    return [yaml.safe_load(block.text) for block in blocks_of(POLICIES) if block.language == "yaml"]


def test_the_policy_for_each_namespace_is_the_charts(helm: Helm) -> None:
    (shown,) = (found for found in manifests() if found.get("kind") == "NetworkPolicy")
    where = ["--namespace=botsession-system", "--set=networkPolicy.namespaces={bots}"]
    rendered = helm("template", "botsession", CHART, *where, "--show-only=templates/networkpolicy.yaml").stdout
    (made,) = (each for each in yaml.safe_load_all(rendered) if each["metadata"]["namespace"] == "bots")
    assert (shown["metadata"]["name"], shown["spec"]) == (made["metadata"]["name"], made["spec"])


def test_sentences_of_guardrails_are_those_that_they_say() -> None:
    said = " ".join(case.sentence for case in REFUSED)
    lines = [line for line in GUARDRAILS.read_text().splitlines() if line.startswith("| `")]
    rows = [line.split("|") for line in lines if line.count("|") == 4]
    table = [row[3].strip() for row in rows if "refuses" not in row[3] and "namespace" in row[3]]
    parts = [part.strip() for sentence in table for part in sentence.partition(" x ")[::2] if part]
    assert len(table) > 5
    assert [part for part in parts if part.removesuffix("…").strip() not in said] == []
