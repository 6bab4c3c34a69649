"""The Control port over HTTP, against a supervisor that answers as the test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from botsession_contract.control import EndRequest, SessionPatch
from botsession_contract.json_codec import encode
from botsession_contract.lifecycle import Cause, Mode
from botsession_operator.core.observe.observed import NoSnapshot, Pod
from botsession_operator.effects import control as control_module
from botsession_operator.effects.control import HttpControl, make_session
from botsession_operator.metrics import Metrics
from tests.builders import later, pod, samples, snapshot

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Supervisor:
    """Answers every request the same way, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, str | None]] = []
        self.answer: Answer = _known

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, body, request.headers.get("Authorization")))
        return await self.answer(request)


def requests(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    found = samples(registry, "botsession_control_requests_total")
    return {(labels["action"], labels["code"]): value for labels, value in found if value}


async def _known(_: web.Request) -> web.StreamResponse:
    return web.json_response(encode(snapshot()))


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


@pytest.fixture
async def port(supervisor: Supervisor) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", supervisor.handle)
    async with TestServer(app) as server:
        assert server.port
        yield server.port


@pytest.fixture
def its_pod() -> Pod:
    return pod(address="127.0.0.1")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody taken for silent because this process was not let run for two seconds."""
    monkeypatch.setattr(control_module, "TIMEOUT", aiohttp.ClientTimeout(total=90.0))


@pytest.fixture
async def control(registry: CollectorRegistry, port: int) -> AsyncIterator[HttpControl]:
    async with make_session() as session:
        yield HttpControl(session, Metrics(registry), lambda _: port)


async def test_a_snapshot_is_read(control: HttpControl, its_pod: Pod, supervisor: Supervisor) -> None:
    assert await control.snapshot(its_pod, "token") == snapshot()
    assert supervisor.asked == [("GET", "/v1/session", None, "Bearer token")]


async def test_an_end_is_asked_for(control: HttpControl, its_pod: Pod, supervisor: Supervisor) -> None:
    request = EndRequest(Mode.GRACEFUL, Cause.DELETED, farewell="Bye", grace_period_seconds=1.5)

    assert await control.end(its_pod, "token", request) == snapshot()
    body = {"mode": "Graceful", "cause": "Deleted", "farewell": "Bye", "gracePeriodSeconds": 1.5}
    assert supervisor.asked == [("POST", "/v1/session/end", body, "Bearer token")]


async def test_a_deadline_is_told(control: HttpControl, its_pod: Pod, supervisor: Supervisor) -> None:
    assert await control.adjust(its_pod, "token", SessionPatch(later(60))) == snapshot()
    body = {"deadline": "2026-01-31T12:01:00.000000Z"}
    assert supervisor.asked == [("PATCH", "/v1/session", body, "Bearer token")]


async def _refuse(_: web.Request) -> web.StreamResponse:
    return web.json_response({"title": "Conflict"}, status=409)


async def _refuse_changes(request: web.Request) -> web.StreamResponse:
    return await (_known if request.method == "GET" else _refuse)(request)


@pytest.mark.parametrize("action", ["end", "adjust"])
async def test_supervisor_that_refuses_since_its_session_has_gone_on_is_asked_how_far(
    control: HttpControl, its_pod: Pod, supervisor: Supervisor, registry: CollectorRegistry, action: str
) -> None:
    supervisor.answer = _refuse_changes
    asks = {
        "end": control.end(its_pod, "token", EndRequest(Mode.GRACEFUL)),
        "adjust": control.adjust(its_pod, "token", SessionPatch(later(60))),
    }
    answer = await asks.pop(action)
    next(iter(asks.values())).close()

    assert answer == snapshot()
    assert requests(registry) == {(action, "409"): 1, ("snapshot", "200"): 1}


async def _babble(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\xff\x00 no JSON")


async def _say_too_little(_: web.Request) -> web.StreamResponse:
    return web.json_response({"state": "Running"})


async def _give_a_list(_: web.Request) -> web.StreamResponse:
    return web.json_response([])


async def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.close()
    return web.Response()


async def _hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def _invent(_: web.Request) -> web.StreamResponse:
    return web.Response(status=799)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (_refuse, "409"),
        (_invent, "Other"),
        (_babble, "Unreadable"),
        (_say_too_little, "Unreadable"),
        (_give_a_list, "Unreadable"),
        (_hang_up, "NoAnswer"),
    ],
)
async def test_any_other_answer_is_silence_and_counted(
    control: HttpControl,
    its_pod: Pod,
    supervisor: Supervisor,
    registry: CollectorRegistry,
    answer: Answer,
    code: str,
) -> None:
    supervisor.answer = answer

    assert await control.snapshot(its_pod, "token") is NoSnapshot.UNREACHABLE
    assert requests(registry) == {("snapshot", code): 1}


async def test_answer_that_does_not_come_is_silence_and_counted(
    control: HttpControl,
    its_pod: Pod,
    supervisor: Supervisor,
    registry: CollectorRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    supervisor.answer = _hang

    assert await control.snapshot(its_pod, "token") is NoSnapshot.UNREACHABLE
    assert requests(registry) == {("snapshot", "NoAnswer"): 1}


async def test_requests_are_counted_by_what_was_asked(
    control: HttpControl, its_pod: Pod, registry: CollectorRegistry
) -> None:
    await control.snapshot(its_pod, "token")
    await control.end(its_pod, "token", EndRequest(Mode.GRACEFUL))
    await control.adjust(its_pod, "token", SessionPatch(later(60)))
    await control.adjust(its_pod, "token", SessionPatch(later(90)))

    assert requests(registry) == {("snapshot", "200"): 1, ("end", "200"): 1, ("adjust", "200"): 2}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", None])
async def test_nobody_there_is_silence(registry: CollectorRegistry, address: str | None) -> None:
    async with make_session() as session:
        control = HttpControl(session, Metrics(registry), lambda _: 1)
        assert await control.snapshot(pod(address=address), "token") is NoSnapshot.UNREACHABLE
