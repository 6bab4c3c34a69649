"""Sessions in a namespace of Pod Security's level `restricted`, with a quota on what containers may take."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from kubernetes import client

from tests.e2e.conftest import install_operator
from tests.e2e.world import World, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

LIMITS: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
#: The test image's own user is root, which such a namespace does not start.
NOT_ROOT: Final = {"spec": {"securityContext": {"runAsUser": 12345}}}
COMPLETES: Final = {"target": "completes.py", "resources": LIMITS}


@pytest.fixture
def strict(world: World) -> World:
    level = "pod-security.kubernetes.io/enforce=restricted"
    labelled = kubectl("label", "namespace", world.namespace, level)
    assert labelled.returncode == 0, labelled.stderr
    hard = {"requests.cpu": "4", "requests.memory": "4Gi", "limits.cpu": "8", "limits.memory": "8Gi"}
    quota = client.V1ResourceQuota(
        metadata=client.V1ObjectMeta(name="compute"), spec=client.V1ResourceQuotaSpec(hard=hard)
    )
    client.CoreV1Api().create_namespaced_resource_quota(world.namespace, quota)
    return world


@pytest.fixture(params=["ImageVolume", "InitContainer"])
def _injection(request: pytest.FixtureRequest, kubeconfig: object) -> Iterator[None]:
    install_operator(f"--set=runtime.injection={request.param}")
    yield
    install_operator()


@pytest.mark.usefixtures("_injection")
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
