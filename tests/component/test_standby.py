"""Two operators and one Lease: one works, the other is ready and waits, and takes over without a list of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from kubernetes.aio import client

from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.manifests.pod import Injection
from botsession_operator.core.names import LEADER_LABEL
from botsession_operator.core.shards import Shard, shard_of
from botsession_operator.errors import LeaseLost
from botsession_operator.operate import operate
from botsession_operator.settings import Settings
from tests.apiserver import kubeconfig
from tests.lease_server import LEASE, LeaseServer, lease_list
from tests.ports import free_port
from tests.stored import PATIENCE, Store, serving, session


class Cluster(Store):
    """A store of sessions that has Leases too, and the operators' own pods."""

    def __init__(self) -> None:
        super().__init__()
        #: By name.
        self.leases = {LEASE.name: LeaseServer()}
        #: Whose pod has the label of the leader.
        self.labelled: dict[str, bool] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "/coordination.k8s.io/" in request.path:
            said = await self._lease(request)
        elif request.method == "PATCH" and "/namespaces/system/pods/" in request.path:
            name, patch = request.path.rpartition("/")[2], await request.json()
            self.labelled[name] = patch["metadata"]["labels"][LEADER_LABEL] == "true"
            metadata = {"namespace": "system", "name": name}
            said = web.json_response({"kind": "Pod", "metadata": metadata})
        else:
            return await super().answer(request)
        await self._notify()
        return said

    async def _lease(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if request.path.endswith("/leases") and request.method == "GET":
            return web.json_response(lease_list([item for each in self.leases.values() for item in each.items]))
        if request.path.endswith("/leases"):
            name = (await request.json())["metadata"]["name"]
        return await self.leases.setdefault(name, LeaseServer(name=name)).handle(request)

    @property
    def lease(self) -> LeaseServer:
        return self.leases[LEASE.name]

    @property
    def holder(self) -> str:
        return self.holder_of(LEASE.name)

    def holder_of(self, name: str) -> str:
        known = self.leases.get(name)
        return str(known.spec["holderIdentity"]) if known and known.lease else ""


class Operator:
    """An operator in a thread of its own: kopf cancels what else was begun in its loop."""

    def __init__(self, cluster: Cluster, name: str, shard: Shard | None = None) -> None:
        self._cluster = cluster
        self.name, self.port = name, free_port()
        self._settings = Settings(
            ControlKeys(b"0" * 32),
            "runtime:1",
            Injection.IMAGE_VOLUME,
            "127.0.0.1",
            self.port,
            lease=(str(LEASE.namespace), LEASE.name),
            pod_name=name,
            shard=shard or Shard(),
        )
        self._is_up = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._is_up.wait()

    async def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        await self.ends()

    async def ends(self) -> None:
        await asyncio.to_thread(self._thread.join)

    async def is_ready(self) -> None:
        async with aiohttp.ClientSession() as http, asyncio.timeout(PATIENCE):
            while await self._status(http) != 200:
                await asyncio.sleep(0.1)

    async def leads(self) -> bool:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return "botsession_leader 1.0" in await answer.text()

    async def _status(self, http: aiohttp.ClientSession) -> int:
        try:
            async with http.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._is_up.set()
        try:
            async with client.ApiClient(client.Configuration(host=self._cluster.url)) as connected:
                await operate(connected, self._settings, self._stop)
        except LeaseLost as exc:
            self.error = exc


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    async with serving(Cluster()) as running:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, running.url)))
        assert isinstance(running, Cluster)
        yield running


async def test_a_standby_is_ready_and_takes_over_at_once_when_the_leader_leaves(cluster: Cluster) -> None:
    cluster.sessions = {"a": session("a")}
    leader = Operator(cluster, "leader")
    await cluster.until(lambda: set(cluster.pods) == {"a"} and cluster.labelled.get("leader", False))
    standby = Operator(cluster, "standby")
    await standby.is_ready()
    await cluster.until(lambda: len(cluster.pieces) == 2)
    assert (await leader.leads(), await standby.leads()) == (True, False)

    await leader.stop()
    await cluster.until(lambda: cluster.labelled == {"leader": False, "standby": True})
    assert (leader.error, cluster.holder) == (None, "standby")
    await cluster.happens("ADDED", "b", session("b"))
    await cluster.until(lambda: set(cluster.pods) == {"a", "b"})

    assert await standby.leads()
    assert len(cluster.pieces) == 2  # what it had seen was enough
    await standby.stop()
    assert cluster.holder == ""


async def test_a_leader_that_has_lost_its_lease_leaves_and_says_so(cluster: Cluster) -> None:
    leader = Operator(cluster, "leader")
    await cluster.until(lambda: cluster.holder == "leader")

    cluster.lease.keep(holderIdentity="other", leaseDurationSeconds=15)
    await leader.ends()

    assert isinstance(leader.error, LeaseLost)
    assert cluster.holder == "other"


async def test_a_standby_that_is_stopped_leaves_the_lease_alone(cluster: Cluster) -> None:
    cluster.lease.keep(holderIdentity="other", leaseDurationSeconds=15)
    standby = Operator(cluster, "standby")
    await standby.is_ready()

    await standby.stop()

    assert (standby.error, cluster.holder, cluster.pods) == (None, "other", [])


async def test_an_operator_starts_the_sessions_of_its_own_shard_only(cluster: Cluster) -> None:
    shard = Shard(shard_of("bots", 2), 2)
    theirs = next(name for name in map("tenant-{}".format, range(100)) if not shard.owns(name))
    cluster.sessions = {"a": session("a", namespace=theirs), "b": session("b")}
    operator = Operator(cluster, "leader", shard)
    await cluster.until(lambda: "b" in cluster.pods)

    await cluster.happens("ADDED", "c", session("c", namespace=theirs))
    await cluster.happens("ADDED", "d", session("d"))
    await cluster.until(lambda: "d" in cluster.pods)

    assert cluster.pods == ["b", "d"]
    await operator.stop()


async def test_an_operator_with_another_number_of_shards_leads_when_the_former_ones_have_left(
    cluster: Cluster,
) -> None:
    shard = Shard(shard_of("bots", 2), 2)
    former = Operator(cluster, "former")
    await cluster.until(lambda: cluster.holder == "former")
    following = Operator(cluster, "following", shard)
    await following.is_ready()
    await cluster.happens("ADDED", "a", session("a"))
    await cluster.until(lambda: "a" in cluster.pods)
    assert (cluster.pods, await following.leads()) == (["a"], False)

    await former.stop()
    await cluster.until(lambda: cluster.holder_of(shard.lease_name(LEASE.name)) == "following")
    await cluster.happens("ADDED", "b", session("b"))
    await cluster.until(lambda: "b" in cluster.pods)

    assert (cluster.holder, await following.leads()) == ("", True)
    await following.stop()
