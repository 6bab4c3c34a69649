"""An operator that stands alone, with fewer rights: in some namespaces only, and none that no session may ask for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.operators import kill_operator, operator_pod, ready_operators, stop_operators
from tests.e2e.release import install_operator
from tests.e2e.world import SYSTEM_NAMESPACE, World, kubectl, make_namespace

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

OPERATOR = "system:serviceaccount:botsession-system:botsession-operator"


@pytest.fixture(scope="module")
def narrow(kubeconfig: Path) -> Iterator[World]:
    """Have one operator look after one namespace, and make neither Services nor budgets.

    No operator runs while rights are taken away: it would be refused what it still asks for (test_rights.py).
    """
    world = World(make_namespace("e2e"))
    stop_operators()
    watched = f"--set-json=watchNamespaces={json.dumps([world.namespace])}"
    install_operator(watched, "--set=replicas=1", "--set=expose.enabled=false", "--set=eviction.enabled=false")
    yield world
    stop_operators()
    world.close()
    kubectl("delete", "namespace", world.namespace, "--wait=false", "--ignore-not-found")


def may(verb: str, resource: str, *where: str) -> bool:
    """Ask the API server whether the operator may do something."""
    return kubectl("auth", "can-i", verb, resource, "--as", OPERATOR, *where).stdout.strip() == "yes"


def test_the_operator_of_one_namespace_serves_it_and_has_no_rights_elsewhere(narrow: World) -> None:
    session = narrow.session("served", bot={"target": "completes.py"})
    assert session.finishes()["outcome"] == "Drained"

    assert may("create", "pods", "--namespace", narrow.namespace)
    assert not may("create", "pods", "--namespace", "default")
    assert not may("list", "pods", "--all-namespaces")
    assert not may("create", "services", "--namespace", narrow.namespace)

    exposed = narrow.session("exposed", bot={"target": "quiet.py"}, expose={"port": 8080, "protocol": "WebSocket"})
    exposed.until(lambda status: "cannot create resource" in said(status, "Exposed"), what="refused a Service")
    kept = narrow.session("kept", bot={"target": "quiet.py"}, eviction="Never").eventually(phase="Running")
    kept.until(lambda status: "cannot create resource" in said(status, "Protected"), what="refused a budget")
    for session in (exposed, kept):
        narrow.delete(session)
        session.goes()


def test_an_operator_that_stands_alone_goes_on_after_it_was_killed(narrow: World) -> None:
    lives = narrow.session("lives", bot={"target": "quiet.py"}).eventually(phase="Running")
    killed = operator_pod()
    assert ready_operators() == [killed]
    assert not may("create", "leases.coordination.k8s.io", "--namespace", SYSTEM_NAMESPACE)

    kill_operator()

    narrow.edit(lives, end="Immediate")
    assert lives.finishes()["reason"] == "EndRequested"
    assert operator_pod() != killed


def said(status: dict[str, object], kind: str) -> str:
    """Return the message of a condition."""
    conditions = status.get("conditions") or []
    assert isinstance(conditions, list)
    return "".join(each["message"] for each in conditions if each["type"] == kind)
