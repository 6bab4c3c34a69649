"""The operator with fewer rights: in some namespaces only, and without those that no session may ask for."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import install_operator
from tests.e2e.world import World, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

OPERATOR = "system:serviceaccount:botsession-system:botsession-operator"


@pytest.fixture
def narrow(world: World) -> Iterator[World]:
    """Have the operator look after the test's namespace alone, and make neither Services nor budgets."""
    watched = f"--set-json=watchNamespaces={json.dumps([world.namespace])}"
    install_operator(watched, "--set=expose.enabled=false", "--set=eviction.enabled=false")
    yield world
    install_operator()


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


@pytest.mark.parametrize(
    ("role", "verb", "allowed"),
    [("view", "get", True), ("view", "create", False), ("edit", "create", True), ("admin", "delete", True)],
)
def test_people_get_sessions_with_kubernetes_own_roles(world: World, role: str, verb: str, allowed: bool) -> None:
    bound = kubectl("create", "rolebinding", role, "-n", world.namespace, f"--clusterrole={role}", "--user=someone")
    assert bound.returncode == 0, bound.stderr
    asked = kubectl("auth", "can-i", verb, "botsessions", "-n", world.namespace, "--as=someone")
    assert (asked.stdout.strip() == "yes") is allowed
