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

from botsession_contract.names import GROUP, KIND, PLURAL, SESSION_LABEL, VERSION
from botsession_operator.api.spec import Json
from botsession_operator.core.session_key import Key
from botsession_operator.effects.watching import KEEPALIVE, tolerant_session
from botsession_operator.fair_queue import Priority
from botsession_operator.handlers import (
    EventHandler,
    has_ended,
    make_registry,
    make_settings,
    session_priority,
    tell_of_stop,
)
from botsession_operator.watch_store import WatchStore

SERVER = "https://10.96.0.1:443"


def ignore(_: str | None, __: Json) -> None:
    """Ignore an event."""


async def login(registry: kopf.OperatorRegistry) -> kopf.AiohttpSession:
    """Log in as kopf does."""
    (handler,) = registry._activities.get_all_handlers()
    log_in = cast("Callable[..., Awaitable[object]]", handler.fn)
    found = await log_in(logger=logging.getLogger(), settings=make_settings())
    assert isinstance(found, kopf.AiohttpSession)
    return found


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
    found = await login(make_registry(SERVER, ignore))

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


def seen(event_type: str | None, store: WatchStore, name: str = "call-1") -> list[Key]:
    """Have an event of a session handled; return what it marks."""
    marked: list[Key] = []
    metadata = {"namespace": "bots", "name": name, "uid": "u1", "resourceVersion": "1", "generation": 1}
    handler = EventHandler(lambda key, _: marked.append(key), marked.append, store)
    handler.handle(event_type, {"kind": KIND, "metadata": metadata})
    return marked


@pytest.mark.parametrize("event_type", [None, "ADDED", "MODIFIED"])
def test_a_session_that_the_watch_brings_is_known(event_type: str | None) -> None:
    store = WatchStore()

    assert seen(event_type, store) == [Key("bots", "call-1")]
    assert Key("bots", "call-1") in store


def test_a_session_that_is_gone_is_known_no_more() -> None:
    store = WatchStore()
    seen("ADDED", store)

    assert seen("DELETED", store) == [Key("bots", "call-1")]
    assert len(store) == 0


def test_an_event_that_names_no_session_marks_none() -> None:
    store = WatchStore()

    assert seen("ADDED", store, "x" * 64) == []
    assert len(store) == 0


@pytest.mark.parametrize("labels", [{}, {SESSION_LABEL: ""}, {SESSION_LABEL: "A_b"}, {SESSION_LABEL: "x" * 63 + "."}])
def test_a_pod_whose_label_names_no_session_marks_none(labels: dict[str, str]) -> None:
    marked: list[Key] = []
    handler = EventHandler(lambda key, _: marked.append(key), marked.append, WatchStore())

    handler.handle("ADDED", {"kind": "Pod", "metadata": {"namespace": "bots", "labels": labels}})

    assert marked == []


def test_an_event_that_brings_nothing_new_marks_none() -> None:
    store = WatchStore()
    seen("ADDED", store)

    assert seen("MODIFIED", store) == []


def test_each_event_is_counted_also_one_that_brings_nothing_new() -> None:
    counted: list[None] = []
    handler = EventHandler(lambda *_: None, lambda _: None, WatchStore(), watched=lambda: counted.append(None))

    for kind in (KIND, "Pod"):
        handler.handle("MODIFIED", {"kind": kind, "metadata": {}})

    assert len(counted) == 2


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
        made = tolerant_session(kopf.ConnectionInfo(server=str(server.make_url(""))), ignore)
        async with made.aiohttp_session as session, session.get(server.make_url("/")) as response:
            assert response.connection
            assert response.connection.transport
            used = response.connection.transport.get_extra_info("socket")
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for option, value in KEEPALIVE.items():
                assert used.getsockopt(socket.IPPROTO_TCP, getattr(socket, option)) == value
            is_over.set()


async def test_a_signal_that_kopf_takes_stops_all() -> None:
    stop, registry = asyncio.Event(), kopf.OperatorRegistry()
    tell_of_stop(registry, stop)
    (handler,) = cast("list[Any]", registry._activities.get_all_handlers())

    await handler.fn()

    assert (handler.activity.name, stop.is_set()) == ("CLEANUP", True)
