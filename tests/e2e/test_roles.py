"""People get sessions with Kubernetes' own roles."""

import pytest

from tests.e2e.world import World, kubectl

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    ("role", "verb", "allowed"),
    [("view", "get", True), ("view", "create", False), ("edit", "create", True), ("admin", "delete", True)],
)
def test_people_get_sessions_with_kubernetes_own_roles(world: World, role: str, verb: str, allowed: bool) -> None:
    bound = kubectl("create", "rolebinding", role, "-n", world.namespace, f"--clusterrole={role}", "--user=someone")
    assert bound.returncode == 0, bound.stderr
    asked = kubectl("auth", "can-i", verb, "botsessions", "-n", world.namespace, "--as=someone")
    assert (asked.stdout.strip() == "yes") is allowed
