"""Bots that turn against their own supervisor, in real pods: each ends in a named finish, and nothing of it is left.

What needs no pod is in tests/component/runtime/test_hostile_bots.py: here the supervisor is process 1, has a port of
its own, and its report has to fit into what a kubelet takes.
"""

from typing import Final

import pytest

from tests.e2e.world import PATIENCE, Session, World, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

#: The bot heeds no SIGTERM, so it is killed.
QUICK: Final = {"gracePeriod": "1s", "cancelPeriod": "2s"}
BY_ITS_SUPERVISOR: Final = ("EndRequested", "NeverStarted", "Runtime")


def hostile(world: World, how: str, **spec: object) -> Session:
    return world.session(how, bot={"target": "floods.py", "body": {"how": how}}, shutdown=QUICK, **spec)


def log(session: Session) -> str:
    pod = session.status.get("podName", "")
    return kubectl("logs", "-n", session.namespace, pod, "-c", "bot", "--tail=-1").stdout


def is_at_it(session: Session) -> None:
    """Wait until the bot has begun."""
    session.until(lambda status: "podName" in status, what="has a pod")
    wait_until(lambda: "ready" in log(session).splitlines(), PATIENCE, "at it")


@pytest.mark.parametrize("how", ["strike", "stop"])
def test_bot_cannot_keep_its_session(world: World, how: str) -> None:
    session = hostile(world, how)
    is_at_it(session)
    world.edit(session, end="Graceful")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == BY_ITS_SUPERVISOR
    world.delete(session)
    session.goes()
    world.nothing_is_left(session)


def test_bot_cannot_keep_its_pod_from_a_drain(world: World) -> None:
    session = hostile(world, "noline")
    is_at_it(session)
    world.delete_pod(session)
    finish = session.finishes()
    assert (finish["reason"], finish["reportedBy"]) == ("Evicted", "Runtime")
    world.nothing_is_left(session)


@pytest.mark.parametrize("how", ["names", "orphans", "port"])
def test_whatever_a_bot_says_its_supervisor_reports(world: World, how: str) -> None:
    session = hostile(world, how)
    finish = session.finishes()
    assert (finish["reportedBy"], finish["exitCode"] in (3, 137)) == ("Runtime", True)
    assert "could not build its report" not in finish.get("message", "")
    world.delete(session)
    session.goes()
    world.nothing_is_left(session)
