"""The operator takes objects from kopf's lists and watches, and kopf gets nothing that it would work on."""

import json
from typing import Any, Final

import aiohttp
import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from botsession_contract.names import KIND
from botsession_operator.api.spec import Json
from botsession_operator.effects.watching import tolerant_session

SESSION: Final[Json] = {"kind": KIND, "metadata": {"name": "call-1", "resourceVersion": "7"}, "spec": {"a": [1, "ü"]}}
POD: Final[Json] = {"kind": "Pod", "metadata": {"name": "pod-1", "resourceVersion": "8"}}
GONE: Final[Json] = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}
BOOKMARK: Final[Json] = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "9"}}}

Handled = list[tuple[str | None, Json]]


async def read(sent: bytes, handled: Handled, *, is_list: bool = False) -> Any:
    """Return what kopf gets of an answer: the value of a list, or the lines of a watch."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=sent)

    async with RawTestServer(answer) as server:
        made = tolerant_session(
            kopf.ConnectionInfo(server=str(server.make_url(""))), lambda kind, raw: _record(handled, kind, raw)
        )
        async with made.aiohttp_session as session, session.get(server.make_url("/")) as response:
            return await response.json() if is_list else await _lines(response)


async def _lines(response: aiohttp.ClientResponse) -> list[Any]:
    text = b"".join([chunk async for chunk in response.content.iter_chunked(1024)])
    return [json.loads(line) for line in text.splitlines()]


def _record(handled: Handled, event_type: str | None, raw: Json) -> None:
    handled.append((event_type, raw))
    if raw["metadata"]["name"] == "broken":
        raise ValueError("a bug")


def lines(*events: Json) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def version(kind: str, number: str) -> Json:
    return {"type": "BOOKMARK", "object": {"kind": kind, "metadata": {"resourceVersion": number}}}


@pytest.mark.parametrize("event_type", ["ADDED", "MODIFIED", "DELETED"])
async def test_an_event_is_handled_and_kopf_gets_its_version(event_type: str) -> None:
    handled: Handled = []

    got = await read(lines({"type": event_type, "object": SESSION}, {"type": event_type, "object": POD}), handled)

    assert handled == [(event_type, SESSION), (event_type, POD)]
    assert got == [version(KIND, "7"), version("Pod", "8")]


@pytest.mark.parametrize("event", [GONE, BOOKMARK, {"type": "ADDED", "object": {"kind": "Namespace"}}, {}, []])
async def test_other_events_are_for_kopf_only(event: Any) -> None:
    handled: Handled = []

    assert await read(lines(event), handled) == [event]
    assert handled == []


async def test_listed_objects_are_handled_and_kopf_gets_none() -> None:
    handled: Handled = []
    listed = {"kind": f"{KIND}List", "metadata": {"resourceVersion": "9", "continue": "x"}}
    item = {name: value for name, value in SESSION.items() if name != "kind"}

    got = await read(lines({**listed, "items": [item]}), handled, is_list=True)

    assert handled == [(None, SESSION)]
    assert got == {**listed, "items": []}


async def test_other_lists_are_for_kopf_only() -> None:
    handled: Handled = []
    listed = {"kind": "NamespaceList", "items": [{"metadata": {"name": "bots"}}]}

    assert await read(lines(listed), handled, is_list=True) == listed
    assert handled == []


async def test_an_object_that_is_not_handled_does_not_end_the_watch() -> None:
    handled: Handled = []
    broken = {**POD, "metadata": {"name": "broken", "resourceVersion": "1"}}

    got = await read(lines({"type": "ADDED", "object": broken}, {"type": "ADDED", "object": POD}), handled)

    assert [raw["metadata"]["name"] for _, raw in handled] == ["broken", "pod-1"]
    assert got == [version("Pod", "1"), version("Pod", "8")]
