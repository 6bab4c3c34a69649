"""Pods in which somebody else is in the supervisor's place: each session ends in a named finish, and goes.

The operator must serve all others meanwhile, so it may not have restarted.
"""

from typing import Final

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from tests.e2e.operators import OPERATOR_PODS
from tests.e2e.world import PATIENCE, Session, World, kubectl, wait_until

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


LIES: Final = ("endless", "redirect", "garbage", "deep", "calendar", "nan", "hang", "obedient", "ending", "silence")
REPORTS: Final = ("none", "deep", "calendar", "end", "nan", "digits", "names", "steps", "frame", "escapes", "newer")


def test_pods_that_lie_to_the_operator_are_ended_and_go(world: World) -> None:
    before = restarts()
    sessions = [liar(world, f"lies-{lie}", lie) for lie in LIES]
    for session in sessions:
        session.until(lambda status: "podName" in status, what="has a pod")
        world.edit(session, end="Immediate")
    for session in sessions:
        ends_by_name(session)
        world.delete(session)
    for session in sessions:
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


def test_forged_reports_end_in_named_finishes_and_keep_nothing(world: World) -> None:
    before = restarts()
    sessions = [liar(world, f"forges-{report}", "leaves", report) for report in REPORTS]
    for session in sessions:
        ends_by_name(session)
        assert "\x1b" not in str(session.status)
        world.delete(session)
    for session in sessions:
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
