"""No poke that a stranger sends has the operator ask the API server for anything that it would not ask anyway.

The real endpoint, door, queue and passes, before an API server that keeps what it was asked.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestClient, TestServer
from kubernetes.aio import client
from yarl import URL

from botsession_operator.clock import SystemClock
from botsession_operator.core.session_key import Key
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.fair_queue import Priority
from botsession_operator.poke_gate import PokeGate
from botsession_operator.queue import WorkQueue
from botsession_operator.reconcile.reconciler import reconcile
from botsession_operator.server import create_app
from botsession_operator.watch_store import WatchStore
from tests.apiserver import missing
from tests.builders import KEY, raw_spec
from tests.fakes import World
from tests.pokes import attacks
from tests.watched import WatchedWorld

LIVE = Key("victim", "call-1")
#: As a watch has brought it.
STORED = {
    "metadata": {
        "namespace": LIVE.namespace,
        "name": LIVE.name,
        "uid": "u1",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-31T12:00:00Z",
    },
    "spec": raw_spec(),
}
#: No test waits longer, in seconds.
PATIENCE = 90.0


@dataclass
class Api:
    """An API server on which no session is left; it keeps each request line."""

    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(f"{request.method} {request.raw_path}")
        name = request.path.rpartition("/")[2]
        if name == "pods":
            return web.json_response({"kind": "PodList", "items": []})
        return web.json_response(missing(name), status=404)


@dataclass
class Operator:
    """What runs in a test."""

    api: Api
    queue: WorkQueue
    pokes: TestClient[web.Request, web.Application]
    store: WatchStore
    passes: list[Key]

    async def poke(self, path: str) -> int:
        async with self.pokes.post(URL(path, encoded=True)) as answer:
            return answer.status

    async def settled(self) -> None:
        """Wait until all passes are over that were asked for before."""
        last = Key("last", f"pass-{len(self.passes)}")
        self.queue.add(last, Priority.LOW)
        async with asyncio.timeout(PATIENCE):
            while last not in self.passes:
                await asyncio.sleep(0.01)

    def asked_about(self, what: str) -> list[str]:
        return [line for line in self.api.asked if what in line]


@pytest.fixture
async def operator(world: World) -> AsyncIterator[Operator]:
    api, queue, store, passes = Api(), WorkQueue(SystemClock()), WatchStore(), list[Key]()
    store.session_event(None, STORED)
    gate = PokeGate(store.__contains__, lambda key: queue.add(key, Priority.LOW))
    app = create_app(gate.poke, lambda: True, world.metrics.registry)
    async with RawTestServer(api.answer) as server, TestClient(TestServer(app)) as pokes:
        configuration = client.Configuration(host=str(server.make_url("")).rstrip("/"))
        async with client.ApiClient(configuration) as connected:
            deps = replace(world.deps(), cluster=KubernetesCluster(connected, "tests", observer=store), store=store)

            async def do_pass(key: Key) -> None:
                await reconcile(key, deps)
                passes.append(key)

            work = asyncio.create_task(queue.work(do_pass))
            yield Operator(api, queue, pokes, store, passes)
            await queue.drain(work)


@pytest.mark.parametrize("path", attacks(*str(LIVE).split("/")))
async def test_a_stranger_has_nothing_asked_of_the_api_server(operator: Operator, path: str) -> None:
    status = await operator.poke(path)
    await operator.settled()

    assert status in (202, 400, 404)
    assert operator.asked_about("") == operator.asked_about("/namespaces/last/")


async def test_thousands_of_pokes_for_sessions_that_do_not_exist_cost_no_request(operator: Operator) -> None:
    for number in range(2000):
        assert await operator.poke(f"/v1/poke/victim/made-up-{number}") == 202
        if number % 2:
            assert await operator.poke(f"/v1/poke/victim/{'x' * 65}-{number}") == 202
    await operator.settled()

    assert operator.asked_about("victim") == []


async def test_a_stranger_learns_not_which_sessions_exist(operator: Operator) -> None:
    assert await operator.poke(f"/v1/poke/{LIVE}") == await operator.poke("/v1/poke/victim/made-up") == 202


async def test_a_poke_for_a_session_that_exists_has_it_read(operator: Operator) -> None:
    await operator.poke(f"/v1/poke/{LIVE}")
    await operator.settled()

    assert operator.asked_about("victim")[0] == "GET /apis/botsession.dev/v1alpha1/namespaces/victim/botsessions/call-1"


async def test_a_session_that_a_pass_finds_gone_is_known_no_more(operator: Operator) -> None:
    await operator.poke(f"/v1/poke/{LIVE}")
    await operator.settled()
    asked = len(operator.asked_about("victim"))

    await operator.poke(f"/v1/poke/{LIVE}")
    await operator.settled()

    assert LIVE not in operator.store
    assert len(operator.asked_about("victim")) == asked


async def test_a_session_that_is_released_is_known_no_more() -> None:
    world = WatchedWorld()
    world.operator = world.deps()
    world.apply()
    await world.settle()
    assert KEY in world.watch_store
    world.delete()
    await world.settle()

    assert world.is_empty
    assert KEY not in world.watch_store
