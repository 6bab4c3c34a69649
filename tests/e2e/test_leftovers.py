"""What nobody would come back for: pods without a session, sessions without an operator, or that none can read."""

import pytest

from tests.e2e.world import PATIENCE, World, kubectl, operator_down, operator_log, operator_pod, wait_until

pytestmark = pytest.mark.cluster

QUIET = {"target": "quiet.py"}
FREED = ("--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def test_a_pod_whose_session_was_torn_away_while_the_operator_was_down_goes(world: World) -> None:
    session = world.session("torn", bot=QUIET).eventually(phase="Running")
    with operator_down():
        kubectl("patch", "bs", "torn", "-n", world.namespace, *FREED)
        world.delete(session)
        session.goes()
        (pod,) = world.pods(session)
        over = "jsonpath={.status.containerStatuses[0].state.terminated.reason}=Completed"
        waiting = ("wait", "pod", pod, "-n", world.namespace, f"--for={over}", f"--timeout={PATIENCE}s")
        assert kubectl(*waiting).returncode == 0
        assert world.pods(session)
    world.nothing_is_left(session)


def test_a_session_that_was_deleted_while_the_operator_was_down_ends_when_it_is_back(world: World) -> None:
    session = world.session("deleted", bot=QUIET).eventually(phase="Running")
    with operator_down():
        world.delete(session)
    session.goes()
    assert [finish["reason"] for finish in session.history.finishes] == ["Deleted"]
    world.nothing_is_left(session)


def test_a_session_that_no_operator_can_read_goes_when_it_is_deleted(world: World) -> None:
    session = world.session("newer", bot=QUIET).eventually(phase="Running")
    # Stands for a status of another version: a date-time to the API server, and none to the operator.
    status = '{"status":{"clientConnectedAt":"0000-01-01T00:00:00Z"}}'
    written = kubectl(
        "patch", "bs", "newer", "-n", world.namespace, "--subresource=status", "--type=merge", "-p", status
    )
    assert written.returncode == 0, written.stderr
    world.edit(session, maxSessionDuration="1s")
    wait_until(lambda: f"{world.namespace}/newer" in not_understood(), PATIENCE, "logged")
    (pod,) = world.pods(session)
    deleted = kubectl("get", "pod", pod, "-n", world.namespace, "-o", "jsonpath={.metadata.deletionTimestamp}")
    assert deleted.stdout == ""

    world.delete(session)

    session.goes()
    assert session.history.finishes == []
    world.nothing_is_left(session)


def not_understood() -> list[str]:
    """Name the sessions of which the operator has said that it cannot read them."""
    return [line["session"] for line in operator_log(operator_pod()) if line["event"] == "spec not understood"]
