"""What stays of a session that is over, and for how long."""

import json

import pytest

from tests.e2e.world import PATIENCE, Json, World, kubectl, wait_until

pytestmark = pytest.mark.cluster

QUIET = {"target": "quiet.py"}


def test_finished_session_goes_after_its_ttl(world: World) -> None:
    session = world.session("brief", bot={"target": "completes.py"}, ttlAfterFinished="3s")
    session.goes()
    assert [finish["reason"] for finish in session.history.finishes] == ["Completed"]
    world.nothing_is_left(session)


def test_session_that_is_kept_goes_when_its_ttl_is_edited(world: World) -> None:
    session = world.session("edited", bot={"target": "completes.py"}, ttlAfterFinished="never")
    session.finishes()
    world.nothing_is_left(session)
    assert not session.history.is_gone
    world.edit(session, ttlAfterFinished="1s")
    session.goes()


def test_kept_pod_has_its_log_and_goes_with_its_session(world: World) -> None:
    session = world.session("logged", bot={"target": "completes.py"}, podRetention="Always")
    session.finishes()
    (pod,) = kept_pods(world, session.name)
    assert pod["metadata"].get("finalizers", []) == []
    assert "deletionTimestamp" not in pod["metadata"]
    log = kubectl("logs", "-n", world.namespace, pod["metadata"]["name"], "-c", "bot")
    assert "session finished: Completed" in log.stdout
    world.delete(session)
    session.goes()
    world.nothing_is_left(session)


def test_only_the_pod_of_a_failure_is_kept(world: World) -> None:
    well = world.session("well", bot={"target": "completes.py"}, podRetention="OnFailure")
    badly = world.session("badly", bot={"target": "crashes_late.py"}, podRetention="OnFailure")
    well.finishes()
    badly.finishes()
    world.nothing_is_left(well)
    assert kept_pods(world, badly.name)


def test_kept_pod_and_its_session_expire_together(world: World) -> None:
    session = world.session("together", bot={"target": "completes.py"}, podRetention="Always", ttlAfterFinished="3s")
    session.goes()
    world.nothing_is_left(session)


def test_a_cause_has_its_own_way_to_end(world: World) -> None:
    shutdown = {"overrides": {"deleted": {"mode": "Immediate"}, "evicted": {"mode": "Immediate"}}}
    session = world.session("deleted", bot=QUIET, shutdown=shutdown).eventually(phase="Running")
    world.delete(session)
    session.goes()
    (finish,) = session.history.finishes
    assert (finish["reason"], finish["outcome"]) == ("Deleted", "Cancelled")

    drained = world.session("evicted", bot=QUIET, shutdown=shutdown).eventually(phase="Running")
    world.delete_pod(drained)
    finish = drained.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Evicted", "Cancelled")


def kept_pods(world: World, name: str) -> list[Json]:
    """List the session's pods, once none of them is held by the operator."""
    selector = f"botsession.dev/session={name}"

    def pods() -> list[Json]:
        found = kubectl("get", "pods", "-n", world.namespace, "-l", selector, "-o", "json")
        items: list[Json] = json.loads(found.stdout)["items"]
        return items

    wait_until(lambda: not any(pod["metadata"].get("finalizers") for pod in pods()), PATIENCE, "let go")
    return pods()
