"""The operator with fewer rights: in some namespaces only, and without those that no session may ask for."""

import json

import pytest

from tests.e2e.release import install_operator
from tests.e2e.world import World, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

OPERATOR = "system:serviceaccount:botsession-system:botsession-operator"


@pytest.fixture
def narrow(world: World) -> World:
    """Have the operator look after the test's namespace alone, and make neither Services nor budgets."""
    watched = f"--set-json=watchNamespaces={json.dumps([world.namespace])}"
    install_operator(watched, "--set=expose.enabled=false", "--set=eviction.enabled=false")
    return world


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


def said(status: dict[str, object], kind: str) -> str:
    """Return the message of a condition."""
    conditions = status.get("conditions") or []
    assert isinstance(conditions, list)
    return "".join(each["message"] for each in conditions if each["type"] == kind)
