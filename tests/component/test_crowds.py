"""Whole passes of one operator over many sessions, with real connections on the loopback interface.

The operator's clock stands, so nothing is asked again: what the good session gets is told by counts and order alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from botsession_contract.json_codec import encode, format_time
from botsession_contract.lifecycle import BotState, Cause, Mode
from botsession_contract.names import BOT_CONTAINER, SESSION_LABEL
from botsession_contract.report import Ending
from botsession_operator.api.spec import Json
from botsession_operator.controller import Controller
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.session_key import Key
from botsession_operator.effects.control import HttpControl
from botsession_operator.fair_queue import Priority
from botsession_operator.metrics import Metrics
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.reconciler import reconcile
from botsession_operator.supervisor_poller import MAX_CONNECTIONS
from tests.builders import NOW, raw_spec, snapshot
from tests.fake_cluster import FakeClock, FakeCluster
from tests.fakes import CONTROL_KEYS, POD_SETTINGS

GOOD: Final = Key("bots", "good")
SILENT: Final = 100
#: No test waits longer for a fact, in seconds.
PATIENCE: Final = 90.0


class Watched(FakeCluster):
    """A cluster whose watch brings each change to the operator."""

    def __init__(self, changed: Callable[[Key, Priority], None]) -> None:
        self._tell = changed
        super().__init__(lambda: NOW)

    def _changed(self, stored: Json) -> None:
        metadata = stored["metadata"]
        is_session = SESSION_LABEL not in metadata.get("labels", {})
        name = metadata["name"] if is_session else metadata["labels"][SESSION_LABEL]
        self._tell(Key(metadata["namespace"], name), Priority.HIGH if is_session else Priority.NORMAL)


def at_ports(http: aiohttp.ClientSession, ports: dict[str, int]) -> HttpControl:
    """Return the Control port over HTTP to pods of which the test says at which port of this machine they are."""
    return HttpControl(http, Metrics(CollectorRegistry()), lambda pod: ports[pod.namespace])


@dataclass
class Mute:
    """Accepts connections and never answers."""

    connections: int = 0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._news:
            self.connections += 1
            self._news.notify_all()
        await reader.read()
        await reader.read()
        writer.close()

    async def until(self, connections: int) -> None:
        async with self._news, asyncio.timeout(PATIENCE):
            await self._news.wait_for(lambda: self.connections >= connections)


class Supervisor:
    """A supervisor that answers, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.has_been_asked_to_end = asyncio.Event()
        self._known = snapshot()

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.method)
        if request.method == "POST":
            self._known = replace(self._known, state=BotState.ENDING, ending=Ending(Cause.DELETED, Mode.GRACEFUL, NOW))
            self.has_been_asked_to_end.set()
        return web.json_response(encode(self._known))


@dataclass
class Crowd:
    """An operator, the sessions that it looks after, and how often it looked at each."""

    cluster: Watched
    controller: Controller
    supervisor: Supervisor
    mute: Mute
    passes: list[Key] = field(default_factory=list)
    #: Sessions whose pod does not run yet, and the node that it will run on.
    _nodes: dict[Key, str] = field(default_factory=dict)

    def start(self, key: Key, node: str) -> None:
        """Create a session; its pod runs as soon as there is one."""
        self._nodes[key] = node
        metadata = {"namespace": key.namespace, "name": key.name}
        self.cluster.sessions.create({"metadata": metadata, "spec": raw_spec(), "status": {"phase": "Pending"}})

    def run_pod(self, key: Key) -> None:
        """Do the kubelet's work, once."""
        found = [place for place in self.cluster.pods.names() if place[1].startswith(f"{key.name}-")]
        if not found or key not in self._nodes:
            return
        node = self._nodes.pop(key)

        def change(pod: Json) -> None:
            running = {"name": BOT_CONTAINER, "state": {"running": {"startedAt": format_time(NOW)}}}
            pod["spec"]["nodeName"] = node
            pod["status"] = {"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [running]}

        self.cluster.pods.change(*found[0], change)

    async def give(self, key: Key, deps: Deps) -> Any:
        self.passes.append(key)
        try:
            return await reconcile(key, deps)
        finally:
            self.run_pod(key)


@asynccontextmanager
async def crowd(*, answers: bool = True) -> AsyncIterator[Crowd]:
    """Run an operator; `answers` says whether the silent supervisors' machine takes connections."""
    supervisor, mute, clock, ports = Supervisor(), Mute(), FakeClock(), dict[str, int]()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", supervisor.handle)
    silent = await asyncio.start_server(mute.take, "127.0.0.1", 0)
    async with TestServer(app) as server, silent, aiohttp.ClientSession() as http:
        assert server.port
        ports |= {"bots": server.port, "crowd": silent.sockets[0].getsockname()[1]}
        if not answers:
            silent.close()
        controller = Controller(at_ports(http, ports), clock, ControllerTimeouts(), workers=4)
        cluster, metrics = Watched(controller.mark), Metrics(CollectorRegistry())
        control, refusals = controller.poller, controller.refusals
        deps = Deps(cluster, control, clock, metrics, ControllerTimeouts(), refusals, POD_SETTINGS, CONTROL_KEYS)
        made = Crowd(cluster, controller, supervisor, mute)
        work = asyncio.create_task(controller.work(lambda key: made.give(key, deps)))
        try:
            yield made
        finally:
            await controller.drain(work)


async def a_good_life(of: Crowd) -> list[str]:
    """Start the good session, delete it, and tell what its supervisor was asked up to its end."""
    of.start(GOOD, "node-1")
    async with asyncio.timeout(PATIENCE):
        while not of.supervisor.asked:
            await asyncio.sleep(0)
        of.cluster.sessions.delete(GOOD.namespace, GOOD.name, ControllerTimeouts().slow_requeue)
        await of.supervisor.has_been_asked_to_end.wait()
    return of.supervisor.asked


@pytest.mark.parametrize("answers", [True, False], ids=["they take the connection", "they refuse it"])
@pytest.mark.parametrize("node", ["node-1", "node-2"], ids=["on its node", "on another node"])
async def test_silent_sessions_of_one_tenant_do_not_delay_anothers(answers: bool, node: str) -> None:
    async with crowd() as alone:
        expected = await a_good_life(alone)
    async with crowd(answers=answers) as beside:
        for number in range(SILENT):
            beside.start(Key("crowd", f"silent-{number}"), node)
        if answers:
            await beside.mute.until(MAX_CONNECTIONS // 4)
        asked = await a_good_life(beside)
        passes = beside.passes.count(GOOD)

        assert {*asked} == {*expected} == {"GET", "POST"}
        assert abs(len(asked) - len(expected)) <= 2
        assert passes <= alone.passes.count(GOOD) + 2
        # The clock stands: none of them was asked a second time before the good session was told to end.
        assert beside.mute.connections <= SILENT


async def test_a_silent_session_holds_no_worker() -> None:
    async with crowd() as beside:
        for number in range(SILENT):
            beside.start(Key("crowd", f"silent-{number}"), "node-2")
        await beside.mute.until(MAX_CONNECTIONS // 4)
        # Four workers: each session has had its first pass, and no supervisor has answered any.
        async with asyncio.timeout(PATIENCE):
            while len({*beside.passes}) < SILENT:
                await asyncio.sleep(0)

        assert len(beside.cluster.created) == SILENT
