"""A session that no operator can read."""

import pytest

from tests.e2e.operators import operator_log, operator_pod
from tests.e2e.world import PATIENCE, World, kubectl, wait_until

pytestmark = pytest.mark.cluster

QUIET = {"target": "quiet.py"}
FREED = ("--type=merge", "-p", '{"metadata":{"finalizers":null}}')


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
