"""What a real Prometheus says of the installed operator equals what is counted from the API server's objects."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.e2e.operators import kill_operator, operator_pod
from tests.e2e.prometheus import Prometheus, prometheus
from tests.e2e.world import FORCED, PATIENCE, ROOT, Json, World, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

QUIET = {"target": "quiet.py"}
QUERIES = re.findall(
    r"^```promql\n(.*?)^```", (ROOT / "docs/operations/monitoring.md").read_text(), re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Numbers:
    """All that is counted of a namespace's sessions."""

    finishes: Mapping[tuple[str, ...], float]
    steps: Mapping[tuple[str, ...], float]
    phases: Mapping[tuple[str, ...], float]
    dangling_tasks: float
    sessions_with_dangling_tasks: float
    reports_missing: float


@pytest.fixture
def scraper(world: World) -> Iterator[Prometheus]:
    with prometheus(world.namespace) as scraper:
        yield scraper


def test_prometheus_counts_what_the_objects_say_over_a_restart_of_the_operator(
    world: World, scraper: Prometheus
) -> None:
    stays = world.session("stays", bot=QUIET).eventually(phase="Running")
    wait_until(
        lambda: shows(scraper, world), PATIENCE, "scraped: from here on all counters of the namespace are seen at 0"
    )

    end_in_many_ways(world)
    wait_until(lambda: shows(scraper, world), PATIENCE, "all counted")
    killed = f'botsession_sessions{{namespace="{world.namespace}", pod="{operator_pod()}"}}'
    wait_until(lambda: bool(scraper.ask(killed)), PATIENCE, "scraped once more")
    kill_operator()
    wait_until(lambda: not scraper.ask(killed), PATIENCE, "rid of the killed operator")
    wait_until(lambda: shows(scraper, world), PATIENCE, "scraped anew, each session looked at by the new operator")
    assert (
        sum(scraper.ask(now("botsession_finished_total", world, "reason", "outcome"), "reason", "outcome").values())
        == 0
    )

    world.edit(stays, end="Graceful")
    runs_out = world.session("runs-out", bot=QUIET, maxSessionDuration="2s")
    for session in (stays, runs_out):
        session.finishes()
    wait_until(lambda: shows(scraper, world), PATIENCE, "all counted by the new operator")

    expected = in_the_objects(world)
    # A scrape that fails hides the phases until the next one.
    wait_until(lambda: in_prometheus(scraper, world) == expected, PATIENCE, f"counted as {expected}")
    assert expected.finishes == {
        ("BotError", "NeverStarted"): 1,
        ("Completed", "Drained"): 2,
        ("EndRequested", "Drained"): 1,
        ("EndRequested", "Forced"): 1,
        ("MaxDuration", "Drained"): 2,
        ("Evicted", "Lost"): 1,
    }
    # The bot that leaks, and the one that ends with a StopFrame, which leaves its processors running.
    assert (expected.sessions_with_dangling_tasks, expected.reports_missing) == (2, 1)
    assert expected.dangling_tasks > expected.sessions_with_dangling_tasks
    # What the page recommends for a window of time: an estimate, so it is rounded.
    estimate = (
        f'sum by (reason, outcome) (increase(botsession_finished_total{{namespace="{world.namespace}"}}[15m])) > 0'
    )
    assert {k: round(v) for k, v in scraper.ask(estimate, "reason", "outcome").items()} == expected.finishes
    for query in QUERIES:
        scraper.ask(query)


def end_in_many_ways(world: World) -> None:
    """Have sessions end well and badly, all at once."""
    sessions = [
        world.session("ends-itself", bot={"target": "completes.py"}),
        world.session("stops-itself", bot={"target": "completes.py", "body": {"how": "stop"}}),
        world.session("crashes", bot={"target": "crashes_early.py"}),
        world.session("leaks", bot={"target": "leaks.py"}, maxSessionDuration="2s"),
        swallows := world.session("swallows", bot={"target": "swallows_end.py"}, shutdown=FORCED),
        # It does not end within the second that the kubelet gives it, and so leaves no report.
        vanishes := world.session("vanishes", bot={"target": "swallows_end.py"}),
    ]
    # Seven bots at once are slow to start where there are few processors.
    world.edit(swallows.eventually(phase="Running"), end="Graceful")
    world.delete_pod(vanishes.eventually(phase="Running"), grace=0)
    for session in sessions:
        session.finishes()


def shows(scraper: Prometheus, world: World) -> bool:
    """Return whether the last scrape has all sessions, and their finishes have been counted by somebody."""
    seen, there = in_prometheus(scraper, world), in_the_objects(world)
    return (seen.phases, sum(seen.finishes.values())) == (there.phases, sum(there.finishes.values()))


def in_the_objects(world: World) -> Numbers:
    """Count the namespace's objects."""
    recorded = world.recorded()
    finished = [status for status in recorded if "finish" in status]
    dangling = [status.get("danglingTasks", {}).get("count", 0) for status in finished]
    return Numbers(
        finishes=Counter((status["finish"]["reason"], status["finish"]["outcome"]) for status in finished),
        steps=Counter((taken["step"],) for status in finished for taken in status.get("ending", {}).get("steps", ())),
        phases=Counter((status.get("phase", "unseen"),) for status in recorded),
        dangling_tasks=sum(dangling),
        sessions_with_dangling_tasks=sum(1 for count in dangling if count),
        reports_missing=sum(1 for status in finished if is_report_missing(status)),
    )


def is_report_missing(status: Json) -> bool:
    """Return whether a supervisor ran and left no report."""
    return status["finish"]["reportedBy"] == "Operator" and "podStarted" in status.get("timings", {})


def in_prometheus(scraper: Prometheus, world: World) -> Numbers:
    """Ask for the same: what each operator had counted when it was last scraped, and the phases as they are now."""
    dangling = "botsession_dangling_tasks_total", "botsession_sessions_with_dangling_tasks_total"
    (tasks, sessions, missing) = (
        sum(scraper.ask(ever(metric, world)).values()) for metric in (*dangling, "botsession_reports_missing_total")
    )
    return Numbers(
        finishes=scraper.ask(ever("botsession_finished_total", world, "reason", "outcome"), "reason", "outcome"),
        steps=scraper.ask(ever("botsession_ladder_steps_total", world, "step"), "step"),
        phases=scraper.ask(now("botsession_sessions", world, "phase") + " > 0", "phase"),
        dangling_tasks=tasks,
        sessions_with_dangling_tasks=sessions,
        reports_missing=missing,
    )


def now(metric: str, world: World, *labels: str) -> str:
    """Ask what the last scrape had, for the test's namespace."""
    return f'sum by ({",".join(labels)}) ({metric}{{namespace="{world.namespace}"}})'


def ever(metric: str, world: World, *labels: str) -> str:
    """Ask what all operators have counted, as the page does; series of an operator end with what it last had."""
    counted = f'max_over_time({metric}{{namespace="{world.namespace}"}}[30m])'
    return f"sum by ({','.join(labels)}) ({counted}) > 0"
