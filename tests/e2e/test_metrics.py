"""What a scrape of the installed operator shows equals what the API server's objects say."""

import urllib.request
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.world import SYSTEM_NAMESPACE, World, operator_pod, port_forward, wait_until

pytestmark = pytest.mark.cluster

QUICK = {"gracePeriod": "3s", "cancelPeriod": "3s"}


def test_scrape_equals_what_the_objects_say(world: World) -> None:
    ends_itself = world.session("ends-itself", bot={"target": "completes.py"})
    crashes = world.session("crashes", bot={"target": "crashes_early.py"})
    runs_out = world.session("runs-out", bot={"target": "quiet.py"}, maxSessionDuration="3s", shutdown=QUICK)
    for session in (ends_itself, crashes, runs_out):
        session.finishes()
        world.nothing_is_left(session)

    finishes, phases = in_the_objects(world)
    with port_forward(SYSTEM_NAMESPACE, operator_pod(), 8475) as port:
        # The answer to the last write may still be on its way to the operator, which counts when it has come.
        wait_until(lambda: sum(in_a_scrape(world, port)[0].values()) == len(world.recorded()), 10, "all counted")
        assert in_a_scrape(world, port) == (finishes, phases)
    assert finishes == {("Completed", "Drained"): 1, ("BotError", "NeverStarted"): 1, ("MaxDuration", "Drained"): 1}


def in_the_objects(world: World) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Count the namespace's finishes and phases."""
    recorded = world.recorded()
    finishes = Counter((status["finish"]["reason"], status["finish"]["outcome"]) for status in recorded)
    return finishes, Counter(status["phase"] for status in recorded)


def in_a_scrape(world: World, port: int) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Read the same out of the operator's numbers."""
    finishes, phases = Counter[tuple[str, str]](), Counter[str]()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    for sample in (sample for family in families for sample in family.samples):
        if sample.labels.get("namespace") != world.namespace:
            continue
        if sample.name == "botsession_finished_total":
            finishes[sample.labels["reason"], sample.labels["outcome"]] += int(sample.value)
        if sample.name == "botsession_sessions" and sample.value:
            phases[sample.labels["phase"]] += int(sample.value)
    return finishes, phases
