"""Namespaces that take no ordinary pods, and what a pod needs to be taken there."""

from typing import Final

from kubernetes import client

from tests.e2e.world import RESTRICTED, Json, World, kubectl

#: What a quota on compute resources wants of each container.
LIMITS: Final[Json] = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
#: As a user whom the image does not know, on a root file system that cannot be written, with no capability.
LOCKED_UP: Final[Json] = {
    "runAsUser": 12345,
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def restrict(world: World) -> None:
    """Have the test's namespace take pods of the level `restricted` only."""
    labelled = kubectl("label", "namespace", world.namespace, RESTRICTED)
    assert labelled.returncode == 0, labelled.stderr


def limit(world: World) -> None:
    """Have the test's namespace take pods only whose containers all say what they take."""
    hard = {"requests.cpu": "4", "requests.memory": "4Gi", "limits.cpu": "8", "limits.memory": "8Gi"}
    quota = client.V1ResourceQuota(
        metadata=client.V1ObjectMeta(name="compute"), spec=client.V1ResourceQuotaSpec(hard=hard)
    )
    client.CoreV1Api().create_namespaced_resource_quota(world.namespace, quota)
