"""kopf watches the API server that passes talk to."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import kopf
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from kopf import Resource

from botsession_contract.names import (
    API_VERSION,
    GROUP,
    KIND,
    PLURAL,
    SESSION_LABEL,
    SESSION_UID_LABEL,
    VERSION,
)
from botsession_operator.core.session_key import Key
from botsession_operator.effects.watching import (
    KEEPALIVE,
    Collection,
    Listed,
    Watcher,
    Watches,
    watching_session,
)
from botsession_operator.fair_queue import Priority
from botsession_operator.handlers import (
    PLURALS,
    EventHandler,
    has_ended,
    make_registry,
    make_settings,
    session_priority,
    tell_of_stop,
)
from botsession_operator.watch_store import WatchStore

SERVER = "https://10.96.0.1:443"


async def login(made: kopf.OperatorRegistry) -> kopf.AiohttpSession:
    """Log in as kopf does."""
    (handler,) = made._activities.get_all_handlers()
    log_in = cast("Callable[..., Awaitable[object]]", handler.fn)
    found = await log_in(logger=logging.getLogger(), settings=make_settings())
    assert isinstance(found, kopf.AiohttpSession)
    return found


def watches(watcher: Watcher | None = None) -> Watches:
    return Watches(watcher or EventHandler(WatchStore(), lambda *_: None, lambda _: None), make_settings(), PLURALS)


def registry() -> kopf.OperatorRegistry:
    return make_registry(SERVER, watches())


def test_the_api_server_is_asked_for_pods_of_sessions_only() -> None:
    asked = make_settings().watching.label_selectors
    pods = Resource("", "v1", "pods", kind="Pod", singular="pod")
    sessions = Resource(GROUP, VERSION, PLURAL, kind="BotSession", singular="botsession")

    assert [list(asked.collect(each)) for each in (pods, sessions)] == [[SESSION_LABEL], []]


@pytest.fixture
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a kubeconfig that names another server."""
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": "https://elsewhere"}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))


@pytest.mark.usefixtures("_elsewhere")
async def test_watches_go_to_the_server_that_passes_talk_to() -> None:
    found = await login(registry())

    async with found.aiohttp_session as session:
        assert (found.server, session.headers["Authorization"]) == (SERVER, "Bearer secret")


@pytest.mark.parametrize(
    ("generation", "status", "priority"),
    [
        pytest.param(1, {"observedGeneration": 0, "phase": "Pending"}, Priority.HIGH, id="it is new"),
        pytest.param(1, None, Priority.HIGH, id="it is new, and has no default"),
        pytest.param(2, {"observedGeneration": 1}, Priority.HIGH, id="it was edited, or is being deleted"),
        pytest.param(2, {"observedGeneration": 2}, Priority.NORMAL, id="the operator wrote its status"),
        pytest.param(2, {"observedGeneration": 1, "finish": {}}, Priority.NORMAL, id="it is over"),
    ],
)
def test_an_event_is_urgent_where_a_user_waits(generation: int, status: object, priority: Priority) -> None:
    assert session_priority({"metadata": {"generation": generation}, "status": status}) is priority


class Marked:
    """A watcher that fills a store, and what it has marked."""

    def __init__(self, namespaces: tuple[str | None, ...] = (None,)) -> None:
        self.sessions: list[tuple[Key, Priority]] = []
        self.pods: list[Key] = []
        self.ended: list[tuple[Key, str]] = []
        self.counted = 0
        self.store = WatchStore()
        self.watcher = EventHandler(
            self.store,
            lambda *marked: self.sessions.append(marked),
            self.pods.append,
            lambda *ended: self.ended.append(ended),
            watched=self._count,
            namespaces=namespaces,
        )

    def _count(self) -> None:
        self.counted += 1

    def see_session(self, event_type: str | None, name: str = "call-1") -> None:
        metadata = {"namespace": "bots", "name": name, "uid": "u1", "resourceVersion": "1", "generation": 1}
        self.watcher.see(PLURAL, event_type, {"metadata": metadata})

    def see_pod(self, event_type: str | None, session: str = "call-1", phase: str = "Running") -> None:
        labels = {SESSION_LABEL: session, SESSION_UID_LABEL: "u1"}
        owner = {"apiVersion": API_VERSION, "kind": KIND, "name": session, "uid": "u1", "controller": True}
        metadata = {"namespace": "bots", "name": "p", "uid": "p1", "resourceVersion": "1", "labels": labels}
        seen = {"metadata": {**metadata, "ownerReferences": [owner]}, "status": {"phase": phase}}
        self.watcher.see("pods", event_type, seen)


KEY = Key("bots", "call-1")
NOTHING = Listed("9", frozenset())


@pytest.mark.parametrize("event_type", [None, "ADDED", "MODIFIED"])
def test_a_session_that_the_watch_brings_is_known(event_type: str | None) -> None:
    marked = Marked()

    marked.see_session(event_type)

    assert marked.sessions == [(KEY, Priority.HIGH)]
    assert KEY in marked.store


def test_a_session_that_is_gone_is_known_no_more() -> None:
    marked = Marked()
    marked.see_session("ADDED")

    marked.see_session("DELETED")

    assert len(marked.sessions) == 2
    assert len(marked.store) == 0


def test_an_event_that_names_no_session_marks_none() -> None:
    marked = Marked()

    marked.see_session("ADDED", "x" * 64)

    assert (marked.sessions, len(marked.store)) == ([], 0)


@pytest.mark.parametrize("label", ["", "A_b", "x" * 63 + "."])
def test_a_pod_whose_label_names_no_session_marks_none(label: str) -> None:
    marked = Marked()

    marked.see_pod("ADDED", label)

    assert marked.pods == []


def test_a_pod_that_the_watch_brings_marks_its_session() -> None:
    marked = Marked()

    marked.see_pod("ADDED")
    marked.see_pod("DELETED")

    assert marked.pods == [KEY, KEY]


def test_a_pod_whose_bot_has_ended_marks_its_session_by_that() -> None:
    marked = Marked()

    marked.see_pod("MODIFIED", phase="Succeeded")

    assert (marked.pods, marked.ended) == ([], [(KEY, "p1")])


def test_an_event_that_brings_nothing_new_marks_none_and_is_counted() -> None:
    marked = Marked()
    for _ in range(3):
        marked.see_session("MODIFIED")
        marked.see_pod("MODIFIED")

    assert (len(marked.sessions), len(marked.pods), marked.counted) == (1, 1, 6)


def test_what_a_later_list_has_not_is_looked_at() -> None:
    """Its deletion was missed with a watch that broke."""
    marked = Marked()
    marked.see_session("ADDED")
    marked.see_pod("ADDED")
    marked.sessions.clear()
    marked.pods.clear()

    for plural in PLURALS:
        marked.watcher.list_ended(Collection(plural, None), NOTHING)

    assert (marked.sessions, marked.pods) == ([(KEY, Priority.NORMAL)], [KEY])
    assert len(marked.store) == 0


@pytest.mark.parametrize("namespaces", [(None,), ("bots", "others"), ("bots", "bots", "others")])
def test_the_store_is_complete_once_all_is_listed(namespaces: tuple[str | None, ...]) -> None:
    marked = Marked(namespaces)
    collections = [Collection(plural, namespace) for plural in PLURALS for namespace in dict.fromkeys(namespaces)]
    for collection in collections[1:]:
        marked.watcher.list_ended(collection, NOTHING)
    marked.watcher.list_ended(collections[1], NOTHING)  # anew
    assert not marked.watcher.listed.is_set()

    marked.watcher.list_ended(collections[0], NOTHING)

    assert marked.watcher.listed.is_set()


@pytest.mark.parametrize("plural", sorted(PLURALS))
def test_an_event_of_another_shard_leaves_no_trace(plural: str) -> None:
    store = WatchStore()
    marked: list[object] = []
    watched: list[None] = []
    handler = EventHandler(
        store,
        lambda key, _: marked.append(key),
        marked.append,
        pod_ended=marked.append,
        watched=lambda: watched.append(None),
        owns=lambda namespace: namespace == "ours",
    )
    names = {"namespace": "theirs", "name": "call-1", "labels": {SESSION_LABEL: "call-1"}}
    raw = {"metadata": {**names, "uid": "u1", "resourceVersion": "1"}, "status": {"phase": "Failed"}}

    for event_type in (None, "ADDED", "MODIFIED", "DELETED"):
        handler.see(plural, event_type, raw)

    assert (len(store), store.pods_of(Key("theirs", "call-1")), marked) == (0, [], [])
    assert len(watched) == 4  # they show that the watch is alive


@pytest.mark.parametrize(
    ("event_type", "status", "ended"),
    [
        pytest.param("MODIFIED", {"phase": "Running"}, False, id="it runs"),
        pytest.param("MODIFIED", {"phase": "Failed"}, True, id="it has failed"),
        pytest.param(None, {"phase": "Succeeded"}, True, id="it is over"),
        pytest.param("DELETED", {"phase": "Running"}, True, id="it is gone"),
        pytest.param("ADDED", None, False, id="it is new"),
    ],
)
def test_a_pod_that_has_ended_counts_for_no_quota(event_type: str | None, status: object, ended: bool) -> None:
    assert has_ended(event_type, {"status": status}) is ended


async def test_a_watch_whose_server_has_gone_fails_soon_although_nothing_is_sent() -> None:
    """A watch only listens: without probes its connection would be believed until the client's time-out."""
    is_over = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await is_over.wait()
        return response

    async with RawTestServer(answer) as server:
        made = watching_session(kopf.ConnectionInfo(server=str(server.make_url(""))), watches())
        async with made.aiohttp_session as session, session.get(server.make_url("/")) as response:
            assert response.connection
            assert response.connection.transport
            used = response.connection.transport.get_extra_info("socket")
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for option, value in KEEPALIVE.items():
                assert used.getsockopt(socket.IPPROTO_TCP, getattr(socket, option)) == value
            is_over.set()


async def test_a_signal_that_kopf_takes_stops_all() -> None:
    stop, made = asyncio.Event(), kopf.OperatorRegistry()
    tell_of_stop(made, stop)
    (handler,) = cast("list[Any]", made._activities.get_all_handlers())

    await handler.fn()

    assert (handler.activity.name, stop.is_set()) == ("CLEANUP", True)
