"""A real API server keeps the Cluster port's contract, through the operator's own client."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kubernetes.aio import client

from botsession_operator.api.spec import Json
from botsession_operator.core.api_paths import ApiPath
from botsession_operator.core.api_resources import PODS, SESSIONS, Resource, Target, session_target
from botsession_operator.core.manifests.pod import Injection
from botsession_operator.core.session_key import Key
from botsession_operator.effects import api
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.errors import PodRefused
from tests.contract_cluster import ClusterContract
from tests.contract_objects import eventually, manifest, read, session_manifest

pytestmark = pytest.mark.cluster

NAMESPACES = Resource("", "v1", "Namespace", "namespaces")


class KubernetesBackend:
    def __init__(self, connected: client.ApiClient, namespace: str) -> None:
        self.cluster = KubernetesCluster(connected, "contract-tests")
        self.connected = connected
        self.namespace = namespace

    async def create_session(self, manifest: Json) -> Key:
        await self.carry_out("POST", SESSIONS.collection(self.namespace), manifest)
        return Key(self.namespace, manifest["metadata"]["name"])

    async def delete_session(self, key: Key) -> None:
        await self.carry_out("DELETE", session_target(key).path())

    async def carry_out(self, method: str, path: ApiPath, body: Json | None = None) -> Json:
        answer = await api.request(self.connected, method, path, body)
        assert answer.is_ok, answer.message
        return answer.body


@pytest.fixture
async def backend(kubeconfig: Path) -> AsyncIterator[KubernetesBackend]:
    namespace = f"contract-{uuid.uuid4().hex[:8]}"
    async with await api.connect(kubeconfig) as connected:
        backend = KubernetesBackend(connected, namespace)
        await backend.carry_out("POST", NAMESPACES.collection(None), {"metadata": {"name": namespace}})
        await eventually(lambda: _takes_pods(backend))
        yield backend
        await _release_pods(backend)
        await backend.carry_out("DELETE", Target(NAMESPACES, None, namespace).path())


async def _takes_pods(backend: KubernetesBackend) -> bool:
    """Return whether pods can be made there: none is taken before the namespace's ServiceAccount is there."""
    accounts = await backend.carry_out("GET", ApiPath("api", "v1", "namespaces", backend.namespace, "serviceaccounts"))
    return bool(accounts["items"])


async def _release_pods(backend: KubernetesBackend) -> None:
    """Take the finalizers off what a test left, or its namespace would never go."""
    for left in (await backend.carry_out("GET", PODS.collection(backend.namespace)))["items"]:
        path = Target(PODS, backend.namespace, left["metadata"]["name"]).path()
        patch = {"metadata": {"finalizers": None}}
        await api.request(backend.connected, "PATCH", path, patch, "application/merge-patch+json")


class TestKubernetesCluster(ClusterContract):
    pass


async def test_a_quota_refuses_a_pod_by_name(backend: KubernetesBackend) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    await backend.carry_out("POST", ApiPath("api", "v1", "namespaces", backend.namespace, "resourcequotas"), quota)
    session = await read(backend, await backend.create_session(session_manifest()))

    with pytest.raises(PodRefused, match=r"exceeded quota|not yet been calculated|status unknown") as caught:
        await backend.cluster.create_pod(manifest(session))

    assert caught.value.reason in ("QuotaExceeded", "Forbidden")


async def test_a_field_that_pods_do_not_have_is_refused(backend: KubernetesBackend) -> None:
    session = await read(backend, await backend.create_session(session_manifest()))
    built = manifest(session)
    built["spec"]["nodeSelektor"] = {}

    with pytest.raises(PodRefused, match="nodeSelektor"):
        await backend.cluster.create_pod(built)


async def test_the_injection_follows_the_servers_version(backend: KubernetesBackend) -> None:
    assert await backend.cluster.injection() in Injection
