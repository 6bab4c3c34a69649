"""Supervisors that do not answer, and pods that are refused, on a real cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.operators import operator_log, operator_metrics, operator_pod
from tests.e2e.world import PATIENCE, Json, Session, World, wait_until
from tests.faults.node import signal, supervisor_pid

pytestmark = pytest.mark.cluster

QUIET = {"target": "quiet.py"}


@contextmanager
def frozen(session: Session) -> Iterator[None]:
    """Stop the supervisor of a session: its connections are taken, and nothing answers."""
    pid = supervisor_pid(session)
    signal(pid, "STOP")
    try:
        yield
    finally:
        signal(pid, "CONT")


def condition(status: Json, kind: str) -> str:
    said = [each for each in status.get("conditions", []) if each["type"] == kind]
    return f"{said[0]['status']} {said[0]['reason']}" if said else ""


def test_sessions_start_and_end_beside_a_silent_one_which_is_heard_again(world: World) -> None:
    silent = world.session("silent", bot=QUIET).eventually(phase="Running")
    with frozen(silent):
        silent.until(lambda status: condition(status, "Controlled") == "Unknown NoAnswer", what="found silent")
        other = world.session("other", bot=QUIET).eventually(phase="Running")
        world.edit(other, end="Graceful")
        assert other.finishes()["outcome"] == "Drained"
    silent.until(lambda status: condition(status, "Controlled") == "True Answers", what="heard again")
    world.edit(silent, end="Graceful")
    assert silent.finishes()["outcome"] == "Drained"


def test_heartbeats_reach_the_operator_that_works(world: World) -> None:
    operator = operator_pod()
    before = heartbeats(operator, "Heard")
    world.session("heard", bot=QUIET).eventually(phase="Running")
    wait_until(lambda: heartbeats(operator, "Heard") > before, PATIENCE, "heard")


def heartbeats(operator: str, result: str) -> float:
    """Return how many heartbeats an operator has received with this result."""
    name = f'botsession_heartbeats_total{{result="{result}"}} '
    (count,) = (line.removeprefix(name) for line in operator_metrics(operator).splitlines() if line.startswith(name))
    return float(count)


def test_end_that_is_asked_of_a_silent_supervisor_reaches_it_when_it_answers(world: World) -> None:
    silent = world.session("silent", bot=QUIET).eventually(phase="Running")
    with frozen(silent):
        silent.until(lambda status: condition(status, "Controlled") == "Unknown NoAnswer", what="found silent")
        world.edit(silent, end="Graceful")
        silent.until(lambda status: status.get("phase") == "Ending", what="asked to end")
    finish = silent.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == ("EndRequested", "Drained", "Runtime")


def test_pod_that_a_quota_refuses_starts_when_another_session_ends(world: World) -> None:
    world.set_quota(pods=1)
    first = world.session("first", bot=QUIET).eventually(phase="Running")
    second = world.session("second", bot=QUIET, startTimeout="10m")
    second.until(lambda status: condition(status, "PodCreated") == "False QuotaExceeded", what="refused")
    world.edit(first, end="Immediate")
    first.finishes()
    second.eventually(phase="Running")
    tries = [line for line in operator_log(operator_pod()) if line["event"] == "pod refused"]
    assert len([line for line in tries if line["session"] == f"{world.namespace}/second"]) < 20
    world.edit(second, end="Immediate")
    second.finishes()
