"""kopf lists and watches a server that does not always do as it should; nothing is lost, and kopf goes on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kopf import Resource
from kopf._cogs.clients import auth, watching
from kopf._cogs.structs import credentials

from botsession_contract.names import GROUP, PLURAL, VERSION
from botsession_operator.api.spec import Json
from botsession_operator.effects.watching import LIST_END, Collection, Listed, Watches, watching_session
from botsession_operator.handlers import make_settings
from tests.log_lines import Line

SESSIONS: Final = Resource(GROUP, VERSION, PLURAL, kind="BotSession", singular="botsession", namespaced=True)
COLLECTION: Final = Collection(PLURAL, None)
PATIENCE: Final = 30.0

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def session(name: str, version: int) -> Json:
    return {"metadata": {"namespace": "bots", "name": name, "uid": name, "resourceVersion": str(version)}}


def event(event_type: str, raw: Json) -> str:
    return json.dumps({"type": event_type, "object": raw}) + "\n"


def end_of_list(version: int) -> str:
    metadata = {"resourceVersion": str(version), "annotations": {LIST_END: "true"}}
    return event("BOOKMARK", {"kind": "BotSession", "metadata": metadata})


def page(names: list[str], more: str = "") -> web.Response:
    items = [session(name, 1) for name in names]
    return web.json_response({"kind": "List", "metadata": {"resourceVersion": "5", "continue": more}, "items": items})


def refusal(status: int, **headers: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": status}, status=status, headers=headers)


@dataclass
class Seen:
    """What reaches the operator."""

    events: list[tuple[str | None, str]] = field(default_factory=list)
    lists: list[tuple[Collection, Listed]] = field(default_factory=list)
    #: How often a list was put off.
    pauses: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self) -> None:
        self.pauses += 1

    def see(self, plural: str, event_type: str | None, raw: Json) -> None:
        assert plural == PLURAL
        self.events.append((event_type, raw["metadata"]["name"]))
        self.changed.set()
        if raw["metadata"]["name"] == "bug":
            raise ValueError("a bug")

    def list_ended(self, collection: Collection, listed: Listed) -> None:
        self.lists.append((collection, listed))
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


#: The API server restarts: it closes the connection without an answer.
CLOSED: Final = web.Response(status=500, reason="closed")


class ApiServer:
    """Answers each request as the test says; the last answer is repeated."""

    def __init__(self, *answers: str | web.Response) -> None:
        self._answers = list(answers)
        self.queries: list[dict[str, str]] = []
        self._is_over = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        answer = self._answers.pop(0) if self._answers else ""
        if answer is CLOSED:
            assert request.transport
            request.transport.close()
        if isinstance(answer, web.Response):
            return answer
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(answer.encode())
        if not self._answers:  # a watch that brings no more stays open
            await self._is_over.wait()
        return response

    def end(self) -> None:
        self._is_over.set()


@asynccontextmanager
async def watched(server: ApiServer, prefix: str = "") -> AsyncIterator[Seen]:
    """Have kopf watch the server's sessions."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    seen, settings = Seen(), make_settings()
    settings.networking.error_backoffs = (0.01,) * 3
    async with TestServer(app) as running:
        found = watching_session(
            kopf.ConnectionInfo(server=str(running.make_url(f"/{prefix}")).rstrip("/")),
            Watches(seen, settings, frozenset({PLURAL}), seen.pause),
        )
        vault = credentials.Vault({credentials.VaultKey("test"): found})
        auth.vault_var.set(vault)
        task = asyncio.create_task(_watch(settings))
        try:
            yield seen
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            server.end()
            await vault.close()


async def _watch(settings: kopf.OperatorSettings) -> None:
    async for kopfs in watching.infinite_watch(settings=settings, resource=SESSIONS, namespace=None):
        assert isinstance(kopfs, watching.Bookmark) or kopfs["type"] == "BOOKMARK", "kopf has got an object"


async def test_a_list_is_streamed_and_the_watch_goes_on_with_it() -> None:
    objects = event("ADDED", session("a", 1)) + event("ADDED", session("b", 2))
    server = ApiServer(objects + end_of_list(5) + event("MODIFIED", session("a", 6)))
    async with watched(server) as seen:
        await seen.until(lambda: len(seen.events) == 3)

    assert seen.events == [(None, "a"), (None, "b"), ("MODIFIED", "a")]
    assert seen.lists == [(COLLECTION, Listed("5", frozenset({"a", "b"})))]
    assert (server.queries[0]["sendInitialEvents"], server.queries[0]["watch"]) == ("true", "true")


async def test_an_object_that_is_deleted_while_the_list_is_streamed_is_not_listed() -> None:
    objects = event("ADDED", session("a", 1)) + event("DELETED", session("b", 2))
    server = ApiServer(objects + end_of_list(5))
    async with watched(server) as seen:
        await seen.until(lambda: bool(seen.lists))

    assert seen.events == [(None, "a"), ("DELETED", "b")]
    assert seen.lists == [(COLLECTION, Listed("5", frozenset({"a"})))]


async def test_a_watch_that_ends_continues_after_the_last_event() -> None:
    server = ApiServer(end_of_list(5) + event("ADDED", session("a", 7)), event("DELETED", session("a", 8)))
    async with watched(server) as seen:
        await seen.until(lambda: len(seen.events) == 2)

    assert [query.get("resourceVersion") for query in server.queries] == [None, "7"]
    assert "sendInitialEvents" not in server.queries[1]


@pytest.mark.parametrize("status", [400, 403, 404, 422, 429, 500, 503])
async def test_a_server_that_refuses_to_stream_a_list_is_asked_for_chunks(status: int) -> None:
    server = ApiServer(refusal(status), page(["a"], more="2"), page(["b"]), event("ADDED", session("c", 6)))
    async with watched(server) as seen:
        await seen.until(lambda: len(seen.events) == 3)

    assert seen.events == [(None, "a"), (None, "b"), ("ADDED", "c")]
    assert seen.lists == [(COLLECTION, Listed("5", frozenset({"a", "b"})))]
    limits = [(query.get("limit"), query.get("continue")) for query in server.queries[1:3]]
    assert limits == [("25", None), ("25", "2")]


async def test_a_streamed_list_that_breaks_off_is_taken_again_in_chunks() -> None:
    """kopf alone would go on after the last object that it has seen, and miss those that were not sent yet."""
    server = ApiServer(event("ADDED", session("b", 9)), "", page(["a", "b"]), "")
    async with watched(server) as seen:
        await seen.until(lambda: bool(seen.lists))

    assert seen.lists == [(COLLECTION, Listed("5", frozenset({"a", "b"})))]


@pytest.mark.parametrize(
    ("broken", "pauses"),
    [
        pytest.param(refusal(410), 0, id="410 as the answer"),
        pytest.param(event("ERROR", {"kind": "Status", "code": 410}), 0, id="410 as an event"),
        pytest.param(event("ERROR", {"kind": "Status", "code": 500}), 1, id="another error as an event"),
        pytest.param("{no JSON\n", 1, id="no JSON"),
        pytest.param(event("NEWS", session("a", 7)), 1, id="an unknown type of event"),
    ],
)
async def test_a_watch_that_cannot_go_on_lists_anew(broken: str | web.Response, pauses: int) -> None:
    """Without a pause, an error that stays would bring one whole list after the other."""
    server = ApiServer(end_of_list(5), broken, event("ADDED", session("a", 6)) + end_of_list(8))
    async with watched(server) as seen:
        await seen.until(lambda: len(seen.lists) == 2)

    assert seen.events[-1] == (None, "a")
    assert seen.lists[-1] == (COLLECTION, Listed("8", frozenset({"a"})))
    assert seen.pauses == pauses


async def test_empty_lines_are_skipped() -> None:
    server = ApiServer("\n" + end_of_list(5) + "\n\r\n" + event("ADDED", session("a", 6)))
    async with watched(server) as seen:
        await seen.until(lambda: bool(seen.events))

    assert (seen.events, len(seen.lists), seen.pauses) == ([("ADDED", "a")], 1, 0)


async def test_the_pause_before_a_list_takes_seconds_and_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    watches = Watches(Seen(), make_settings(), frozenset({PLURAL}))
    for _ in range(20):
        await watches.pause()

    assert all(1 <= seconds <= 5 for seconds in slept)
    assert len(set(slept)) > 1


async def test_a_list_that_takes_too_long_to_be_continued_begins_anew() -> None:
    """etcd is compacted each five minutes."""
    server = ApiServer(refusal(422), page(["a"], more="2"), refusal(410), page(["b"]), "")
    async with watched(server) as seen:
        await seen.until(lambda: bool(seen.lists))

    assert seen.lists == [(COLLECTION, Listed("5", frozenset({"b"})))]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_answer_that_asks_to_come_back_later_is_asked_for_again(status: int) -> None:
    server = ApiServer(end_of_list(5), refusal(status), event("ADDED", session("a", 6)))
    async with watched(server) as seen:
        await seen.until(lambda: bool(seen.events))

    assert (seen.events, len(seen.lists)) == ([("ADDED", "a")], 1)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_chunks_that_are_to_come_later_are_asked_for_again(status: int) -> None:
    server = ApiServer(refusal(422), refusal(status), page(["a"], more="2"), refusal(status), page(["b"]), "")
    async with watched(server) as seen:
        await seen.until(lambda: bool(seen.lists))

    assert seen.lists == [(COLLECTION, Listed("5", frozenset({"a", "b"})))]


async def test_a_streamed_list_that_asks_for_a_login_is_still_streamed_after_it() -> None:
    async def answer(request: web.Request) -> web.Response:
        return refusal(401)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    settings = make_settings()
    async with TestServer(app) as running:
        watches = Watches(Seen(), settings, frozenset({PLURAL}))
        found = watching_session(kopf.ConnectionInfo(server=str(running.make_url(""))), watches)
        url = running.make_url(f"/apis/{GROUP}/{VERSION}/{PLURAL}?watch=true&sendInitialEvents=true")
        async with found.aiohttp_session as http, http.get(url) as response:
            assert response.status == 401

    assert settings.watching.initial_streaming


async def test_a_server_that_restarts_is_watched_on_from_the_last_event() -> None:
    server = ApiServer(
        end_of_list(5) + event("ADDED", session("a", 6)), CLOSED, CLOSED, event("ADDED", session("b", 7))
    )
    async with watched(server) as seen:
        await seen.until(lambda: len(seen.events) == 2)

    assert (seen.events, len(seen.lists)) == ([("ADDED", "a"), ("ADDED", "b")], 1)
    assert server.queries[-1]["resourceVersion"] == "6"


async def test_a_list_that_a_restart_breaks_off_begins_anew() -> None:
    server = ApiServer(refusal(422), page(["a"], more="2"), CLOSED, page(["b"]), "")
    async with watched(server) as seen:
        await seen.until(lambda: bool(seen.lists))

    assert seen.lists == [(COLLECTION, Listed("5", frozenset({"a", "b"})))]


async def test_a_bug_that_one_object_meets_does_not_end_the_watch(logs: list[Line]) -> None:
    server = ApiServer(end_of_list(5) + event("ADDED", session("bug", 6)) + event("ADDED", session("a", 7)))
    async with watched(server) as seen:
        await seen.until(lambda: len(seen.events) == 2)

    assert seen.events[-1] == ("ADDED", "a")
    assert any(line["event"] == "event not handled" for line in logs)


async def test_a_line_that_breaks_off_is_sent_again() -> None:
    whole: str = event("ADDED", session("a", 6))
    server = ApiServer(end_of_list(5) + whole[:-20], whole)
    async with watched(server) as seen:
        await seen.until(lambda: bool(seen.events))

    assert seen.events == [("ADDED", "a")]
    assert server.queries[-1]["resourceVersion"] == "5"


@pytest.mark.parametrize("prefix", ["", "/k8s/clusters/c-1", "/api", "/apis/proxy"])
@pytest.mark.parametrize(
    ("path", "collection"),
    [
        ("/api/v1/pods", Collection("pods", None)),
        ("/api/v1/namespaces/bots/pods", Collection("pods", "bots")),
        (f"/apis/{GROUP}/{VERSION}/{PLURAL}", Collection(PLURAL, None)),
        (f"/apis/{GROUP}/{VERSION}/namespaces/bots/{PLURAL}", Collection(PLURAL, "bots")),
        (f"/apis/{GROUP}/{VERSION}", None),
        ("/api/v1/nodes", None),
        ("/api/v1/namespaces/bots/pods/a", None),
    ],
)
def test_a_collection_is_known_by_the_end_of_its_path(prefix: str, path: str, collection: Collection | None) -> None:
    """The API server's URL may have a path of its own, as behind Rancher."""
    watches = Watches(Seen(), make_settings(), frozenset({"pods", PLURAL}))

    assert watches.collection(prefix + path) == collection


async def test_a_server_whose_url_has_a_path_is_watched() -> None:
    server = ApiServer(event("ADDED", session("a", 1)) + end_of_list(5))
    async with watched(server, "k8s/clusters/c-1") as seen:
        await seen.until(lambda: bool(seen.lists))

    assert seen.lists == [(COLLECTION, Listed("5", frozenset({"a"})))]


async def test_what_is_not_watched_is_left_as_it_is() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"items": [{"metadata": {"name": "x"}}]})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as running:
        watches: Any = Watches(Seen(), make_settings(), frozenset({PLURAL}))
        found = watching_session(kopf.ConnectionInfo(server=str(running.make_url(""))), watches)
        async with found.aiohttp_session as http, http.get(running.make_url("/api/v1/nodes")) as response:
            assert len((await response.json())["items"]) == 1
