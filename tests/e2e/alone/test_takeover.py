"""Two operators: one leads. What becomes of live sessions when it is killed, paused or replaced."""

from typing import Final

import pytest

from tests.e2e.operators import (
    LEASE,
    OPERATOR,
    are_rolled_out,
    kill_operator,
    lease,
    operator_metrics,
    operator_pod,
    restarts,
    send_signal,
    standby,
)
from tests.e2e.world import PATIENCE, SYSTEM_NAMESPACE, Session, World, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

QUIET: Final = {"target": "quiet.py"}


def metric(pod: str, line: str) -> bool:
    """Return whether an operator's metrics have a line."""
    return line in operator_metrics(pod).splitlines()


def finished(pod: str, world: World) -> float:
    """Return how many sessions of the namespace an operator has counted."""
    ours = (each for each in operator_metrics(pod).splitlines() if each.startswith("botsession_finished_total{"))
    return sum(float(each.rpartition(" ")[2]) for each in ours if f'namespace="{world.namespace}"' in each)


def works(world: World, session: Session) -> None:
    """Edit a session, and wait until an operator has answered."""
    generation = session.history.last["metadata"]["generation"]
    world.edit(session, maxSessionDuration="29m")
    session.until(lambda status: status.get("observedGeneration", 0) > generation, what="looked at")


def test_one_operator_leads_and_the_other_is_ready() -> None:
    leading, standing_by = operator_pod(), standby()

    assert metric(leading, "botsession_leader 1.0")
    assert metric(standing_by, "botsession_leader 0.0")
    assert lease()["holderIdentity"] == leading


def test_a_standby_takes_over_from_a_leader_that_is_killed(world: World) -> None:
    successor = standby()
    lives = world.session("lives", bot=QUIET).eventually(phase="Running")
    runs_out = world.session("runs-out", bot=QUIET, maxSessionDuration="5s").eventually(phase="Running")
    transitions = lease()["leaseTransitions"]

    kill_operator()

    created = world.session("created-meanwhile", bot={"target": "completes.py"})
    assert (operator_pod(), lease()["leaseTransitions"]) == (successor, transitions + 1)
    assert created.finishes()["reason"] == "Completed"
    assert runs_out.finishes()["reason"] == "MaxDuration"
    wait_until(lambda: finished(successor, world) == 2, PATIENCE, "counted once each")
    world.edit(lives, end="Immediate")
    assert lives.finishes()["reason"] == "EndRequested"


def test_a_leader_that_wakes_up_late_writes_nothing_and_leaves(world: World) -> None:
    session = world.session("lives", bot=QUIET).eventually(phase="Running")
    paused, successor = operator_pod(), standby()
    before = restarts(paused)
    world.time_is_over(session, 5)  # so that the leader has something to do when it wakes up

    send_signal("STOP", paused)
    try:
        wait_until(lambda: lease()["holderIdentity"] == successor, PATIENCE, "taken over")
    finally:
        send_signal("CONT", paused)

    wait_until(lambda: restarts(paused) > before, PATIENCE, "gone")
    said = kubectl("logs", "-n", SYSTEM_NAMESPACE, paused, "--previous").stdout
    assert '"event": "lease lost"' in said
    assert session.finishes()["reason"] == "MaxDuration"
    assert operator_pod() == successor
    assert finished(successor, world) == 1


def test_a_rollout_hands_over_without_waiting_for_the_lease(world: World) -> None:
    session = world.session("lives", bot=QUIET).eventually(phase="Running")
    before = operator_pod()

    kubectl("rollout", "restart", *OPERATOR)
    are_rolled_out()
    works(world, session)

    assert operator_pod() != before
    world.edit(session, end="Immediate")
    assert session.finishes()["reason"] == "EndRequested"


def test_a_lease_that_somebody_deletes_is_made_again() -> None:
    leading = operator_pod()

    kubectl("delete", *LEASE)

    assert operator_pod() == leading  # as soon as there is a Lease again
