"""Sessions in a namespace of Pod Security's level `restricted`, with a quota on what containers may take."""

from typing import Any, Final

import pytest
from kubernetes import client

from tests.e2e.pod_security import LIMITS, limit, restrict
from tests.e2e.world import World, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

#: The test image's own user is root, which such a namespace does not start.
NOT_ROOT: Final = {"spec": {"securityContext": {"runAsUser": 12345}}}
COMPLETES: Final = {"target": "completes.py", "resources": LIMITS}


@pytest.fixture
def strict(world: World) -> World:
    restrict(world)
    limit(world)
    return world


def test_a_session_runs_in_a_strict_namespace(strict: World) -> None:
    session = strict.session("strict", bot=COMPLETES, podTemplate=NOT_ROOT)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")


def test_a_session_with_nothing_special_is_accepted_in_a_strict_namespace(strict: World) -> None:
    session = strict.session("plain", bot=COMPLETES)

    def is_created(status: dict[str, Any]) -> bool:
        conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
        return conditions.get("PodCreated") == "True"

    session.until(is_created, what="accepted by the API server")
    (name,) = strict.pods(session)
    pod: Any = client.CoreV1Api().read_namespaced_pod(name, strict.namespace)
    assert pod.spec.security_context.run_as_non_root is True


def test_an_image_of_root_runs_elsewhere_without_capabilities(world: World) -> None:
    session = world.session("root", bot={"command": ["grep", "^CapEff", "/proc/self/status"]}, podRetention="Always")
    session.finishes()
    log = kubectl("logs", "-n", world.namespace, session.status["podName"], "-c", "bot").stdout
    assert "CapEff:\t0000000000000000" in log
