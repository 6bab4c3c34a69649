"""Pods in which somebody else is in the supervisor's place: each session ends in a named finish, and goes.

The operator must serve all others meanwhile, so it may not have restarted.
"""

from typing import Final

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from tests.e2e.world import OPERATOR_PODS, PATIENCE, Session, World, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

QUICK: Final = {"gracePeriod": "1s", "cancelPeriod": "1s"}
#: The runtime's own start is not in the way: the image's "interpreter" is the liar.
LIAR: Final = {"target": "quiet.py", "python": "/app/lies.py"}
POD_IP: Final = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}


def liar(world: World, name: str, lie: str, report: str = "none", **spec: object) -> Session:
    env = [POD_IP, {"name": "LIE", "value": lie}, {"name": "REPORT", "value": report}]
    return world.session(name, bot={**LIAR, "env": env}, shutdown=QUICK, **spec)


def restarts() -> str:
    path = "jsonpath={range .items[*]}{.metadata.uid}={.status.containerStatuses[*].restartCount} {end}"
    return kubectl("get", "pods", *OPERATOR_PODS, "-o", path).stdout


def ends_by_name(session: Session) -> None:
    finish = session.finishes()
    assert finish["reason"] in {*Reason}
    assert finish["outcome"] in {*Outcome}


@pytest.mark.parametrize(
    "lie", ["endless", "redirect", "garbage", "deep", "calendar", "nan", "hang", "obedient", "ending", "silence"]
)
def test_a_pod_that_lies_to_the_operator_is_ended_and_goes(world: World, lie: str) -> None:
    before = restarts()
    session = liar(world, f"lies-{lie}", lie)
    session.until(lambda status: "podName" in status, what="has a pod")
    world.edit(session, end="Immediate")
    ends_by_name(session)
    world.delete(session)
    session.goes()
    world.nothing_is_left(session)
    assert restarts() == before


def test_the_operator_follows_no_pod_to_another_address(world: World) -> None:
    session = liar(world, "redirects", "redirect", podRetention="Always")
    pod = session.until(lambda status: "podName" in status, what="has a pod").status["podName"]
    session.until(
        lambda status: any(each["type"] == "Controlled" for each in status.get("conditions", ())), what="was asked"
    )
    world.edit(session, end="Immediate")
    session.finishes()
    log = kubectl("logs", "-n", world.namespace, pod, "-c", "bot").stdout
    assert "trapped" not in log


@pytest.mark.parametrize(
    "report", ["none", "deep", "calendar", "end", "nan", "digits", "names", "steps", "frame", "escapes", "newer"]
)
def test_a_forged_report_ends_in_a_named_finish_and_keeps_nothing(world: World, report: str) -> None:
    before = restarts()
    session = liar(world, f"forges-{report}", "leaves", report)
    ends_by_name(session)
    assert "\x1b" not in str(session.status)
    world.delete(session)
    session.goes()
    world.nothing_is_left(session)
    assert restarts() == before


def test_a_namespace_full_of_liars_can_be_deleted(world: World) -> None:
    before = restarts()
    sessions = [liar(world, f"lies-{lie}", lie, "end") for lie in ("endless", "deep", "obedient", "ending")]
    for session in sessions:
        session.until(lambda status: "podName" in status, what="has a pod")
    kubectl("delete", "namespace", world.namespace, "--wait=false")
    for session in sessions:
        session.goes()
    wait_until(lambda: world.namespace not in kubectl("get", "namespaces", "-o", "name").stdout, PATIENCE, "gone")
    assert restarts() == before
