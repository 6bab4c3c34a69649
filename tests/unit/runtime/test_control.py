"""The control endpoint: what it answers, and what it refuses without a change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from botsession_contract.connections import ConnectionGuard
from botsession_contract.control import (
    END_PATH,
    LARGEST_BODY_BYTES,
    SESSION_PATH,
    EndRequest,
    SessionPatch,
    SessionSnapshot,
)
from botsession_contract.credentials import token_digest
from botsession_contract.lifecycle import Cause, Mode
from botsession_contract.session_limits import IdlePrompt, SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown
from botsession_runtime.control import create_app, create_runner
from tests.endpoint import TOKEN, FakeSession
from tests.malformed import MALFORMED, send

JSON = {"Content-Type": "application/json"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def ask(
    session: FakeSession, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
) -> tuple[ClientResponse, Any]:
    app = create_app(session, token_digest(TOKEN))
    async with TestClient(TestServer(app)) as client:
        response = await client.request(method, path, headers=BEARER if headers is None else headers, **more)
        return response, await response.json(content_type=None) if "json" in response.content_type else None


async def test_end_is_accepted_and_answered_with_the_snapshot() -> None:
    session = FakeSession()
    body = {"mode": "Graceful", "cause": "Deleted", "farewell": "Bye", "gracePeriodSeconds": 3}
    response, snapshot = await ask(session, "POST", END_PATH, json=body)
    assert (response.status, snapshot["state"]) == (202, "Ending")
    assert session.ends == [EndRequest(Mode.GRACEFUL, Cause.DELETED, "Bye", 3.0)]


async def test_deadline_is_moved() -> None:
    session = FakeSession()
    response, _ = await ask(session, "PATCH", SESSION_PATH, json={"deadline": "2026-01-31T10:30:00+01:00"})
    assert response.status == 200
    assert session.patches == [SessionPatch(datetime(2026, 1, 31, 9, 30, tzinfo=UTC))]


async def test_limits_are_moved() -> None:
    session = FakeSession()
    prompt = {"afterSeconds": 4, "text": "Hello?"}
    body = {"limits": {"idleTimeoutSeconds": 5, "idleFrames": ["UserSpeakingFrame"], "idlePrompt": prompt}}
    response, _ = await ask(session, "PATCH", SESSION_PATH, json=body)
    assert response.status == 200
    limits = SessionLimits(0.0, 5.0, ("UserSpeakingFrame",), IdlePrompt(4.0, "Hello?"))
    assert session.patches == [SessionPatch(limits=limits)]


async def test_way_to_end_is_changed() -> None:
    session = FakeSession()
    way = {"mode": "Immediate", "gracePeriodSeconds": 1, "cancelPeriodSeconds": 2, "farewell": ""}
    body = {"shutdown": {**way, "mode": "Graceful"}, "overrides": {"evicted": way}}
    response, _ = await ask(session, "PATCH", SESSION_PATH, json=body)
    assert response.status == 200
    evicted = Shutdown(Mode.IMMEDIATE, 1.0, 2.0)
    assert session.patches == [
        SessionPatch(shutdown=Shutdown(Mode.GRACEFUL, 1.0, 2.0), overrides=Overrides(evicted=evicted))
    ]


async def test_overrides_are_taken_away() -> None:
    session = FakeSession()
    response, _ = await ask(session, "PATCH", SESSION_PATH, json={"overrides": {}})
    assert response.status == 200
    assert session.patches == [SessionPatch(overrides=Overrides())]


async def test_snapshot_leaves_out_what_is_not_known() -> None:
    _, snapshot = await ask(FakeSession(), "GET", SESSION_PATH)
    assert snapshot == {"state": "Running", "now": "2026-01-31T09:30:00.000000Z"}


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_probes_need_no_token(ready: bool, status: int) -> None:
    session = FakeSession(is_ready=ready)
    live, _ = await ask(session, "GET", "/livez", headers={})
    readiness, _ = await ask(session, "GET", "/readyz", headers={})
    assert (live.status, readiness.status) == (200, status)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no token"),
        pytest.param({"Authorization": "Bearer wrong"}, id="a wrong token"),
        pytest.param({"Authorization": f"Basic {TOKEN}"}, id="another scheme"),
        pytest.param({"Authorization": TOKEN}, id="no scheme"),
        pytest.param({"Authorization": "Bearer "}, id="an empty token"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", SESSION_PATH), ("POST", END_PATH), ("GET", "/nowhere")])
async def test_stranger_is_told_to_show_a_token(headers: dict[str, str], method: str, path: str) -> None:
    response, problem = await ask(FakeSession(), method, path, headers=headers)
    assert (response.status, problem["status"]) == (401, 401)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="botsession"'


REFUSALS = [
    pytest.param("POST", END_PATH, {"json": {"mode": "Softly"}}, 400, "mode must be one of", id="an unknown mode"),
    pytest.param("POST", END_PATH, {"json": {}}, 400, "mode is missing", id="no mode"),
    pytest.param("POST", END_PATH, {"json": []}, 400, "must be a JSON object", id="not an object"),
    pytest.param("POST", END_PATH, {"json": {"mode": "Graceful", "mod": 1}}, 400, "unknown field mod", id="a typo"),
    pytest.param("POST", END_PATH, {"data": b"{", "headers": BEARER | JSON}, 400, "is not JSON", id="broken JSON"),
    pytest.param("POST", END_PATH, {"data": b"\xff", "headers": BEARER | JSON}, 400, "is not UTF-8", id="not UTF-8"),
    pytest.param("POST", END_PATH, {"data": b"[" * 9999, "headers": BEARER | JSON}, 400, "levels", id="too deep"),
    pytest.param("POST", END_PATH, {"data": b"", "headers": BEARER | JSON}, 400, "is not JSON", id="no body"),
    pytest.param("POST", END_PATH, {"data": b"mode=Graceful"}, 415, "application/json", id="another content type"),
    pytest.param(
        "POST",
        END_PATH,
        {"data": b" " * (LARGEST_BODY_BYTES + 1), "headers": BEARER | JSON},
        413,
        "",
        id="a body that is too large",
    ),
    pytest.param("PATCH", SESSION_PATH, {"json": {"deadline": "soon"}}, 400, "RFC 3339", id="a deadline that is none"),
    pytest.param("PATCH", SESSION_PATH, {"json": {}}, 400, "at least one", id="nothing to change"),
    pytest.param(
        "PATCH", SESSION_PATH, {"json": {"limits": {"idleFrames": None}}}, 400, "idleFrames must not be null", id="null"
    ),
    pytest.param("PATCH", SESSION_PATH, {"json": {"limits": {"idle": 1}}}, 400, "limits.idle", id="a typo in limits"),
    pytest.param(
        "PATCH",
        SESSION_PATH,
        {"json": {"limits": {"joinTimeoutSeconds": -1}}},
        400,
        "limits.joinTimeoutSeconds must be between",
        id="a negative limit",
    ),
    pytest.param(
        "PATCH",
        SESSION_PATH,
        {"data": b'{"limits": {"idleTimeoutSeconds": 1e999}}', "headers": BEARER | JSON},
        400,
        "too large",
        id="an endless limit",
    ),
    pytest.param(
        "PATCH",
        SESSION_PATH,
        {"json": {"limits": {"idlePrompt": {"afterSeconds": 86401, "text": ""}}}},
        400,
        "limits.idlePrompt.afterSeconds must be between",
        id="a prompt after more than a day",
    ),
    pytest.param(
        "PATCH",
        SESSION_PATH,
        {"json": {"shutdown": {"gracePeriodSeconds": -1}}},
        400,
        "shutdown.gracePeriodSeconds must be between",
        id="a negative period",
    ),
    pytest.param(
        "PATCH",
        SESSION_PATH,
        {"json": {"overrides": {"idleTimeout": {"cancelPeriodSeconds": 86401}}}},
        400,
        "overrides.idleTimeout.cancelPeriodSeconds must be between",
        id="an override that cancels for more than a day",
    ),
    pytest.param(
        "PATCH",
        SESSION_PATH,
        {"json": {"limits": {"idleTimeoutSeconds": 10**399}}},
        400,
        "64 bits",
        id="a number of 400 digits",
    ),
    pytest.param(
        "PATCH",
        SESSION_PATH,
        {"json": {"deadline": "9999-12-31T23:59:59-23:59"}},
        400,
        "deadline is not between the years",
        id="a deadline after the end of the calendar",
    ),
    pytest.param(
        "PATCH",
        SESSION_PATH,
        {"json": {"deadline": "0001-01-01T00:00:00+14:00"}},
        400,
        "deadline is not between the years",
        id="a deadline before its beginning",
    ),
    pytest.param(
        "PATCH", SESSION_PATH, {"json": {"deadline": "9999-12-31T00:00:00Z"}}, 400, "deadline", id="a far deadline"
    ),
    pytest.param("DELETE", SESSION_PATH, {}, 405, "", id="a wrong method"),
    pytest.param("GET", "/v1/nowhere", {}, 404, "", id="an unknown path"),
]


@pytest.mark.parametrize(("method", "path", "request_", "status", "detail"), REFUSALS)
async def test_refusal_is_a_problem_document_and_changes_nothing(
    method: str, path: str, request_: dict[str, Any], status: int, detail: str
) -> None:
    session = FakeSession()
    response, problem = await ask(session, method, path, **request_)
    assert (response.status, response.content_type) == (status, "application/problem+json")
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert detail in problem["detail"]
    assert (session.ends, session.patches) == ([], [])


@pytest.mark.parametrize("seconds", ["-1", "NaN", "Infinity", "1e400", "86401", "true", '"3"'])
@pytest.mark.parametrize("name", ["gracePeriodSeconds", "cancelPeriodSeconds"])
async def test_seconds_that_are_none_are_refused(name: str, seconds: str) -> None:
    session = FakeSession()
    raw = f'{{"mode": "Graceful", "{name}": {seconds}}}'
    response, _ = await ask(session, "POST", END_PATH, data=raw, headers=BEARER | JSON)
    assert (response.status, session.ends) == (400, [])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", END_PATH, {"mode": "Graceful"}), ("PATCH", SESSION_PATH, {"deadline": "2026-01-31T09:30:00Z"})],
)
async def test_wrong_state_is_a_conflict_and_says_why(method: str, path: str, body: dict[str, str]) -> None:
    response, problem = await ask(FakeSession(refusal="the session is ending"), method, path, json=body)
    assert (response.status, problem["detail"]) == (409, "the session is ending")


@pytest.mark.parametrize("path", [SESSION_PATH, END_PATH, "/nowhere", "/v1/../livez/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_stranger_is_refused_before_the_body_is_there(method: str, path: str) -> None:
    app = create_app(FakeSession(), token_digest(TOKEN))
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        writer.close()


async def test_a_connection_carries_one_request() -> None:
    response, _ = await ask(FakeSession(), "GET", "/livez")
    assert response.headers["Connection"] == "close"


async def test_wrong_method_names_the_right_ones() -> None:
    response, _ = await ask(FakeSession(), "PUT", SESSION_PATH)
    assert response.headers["Allow"] == "GET,PATCH"


@asynccontextmanager
async def served(session: FakeSession) -> AsyncIterator[tuple[str, int]]:
    """Serve as a supervisor does; give the address."""
    runner = create_runner(session, token_digest(TOKEN))
    await runner.setup()
    assert runner.server
    server = await asyncio.get_running_loop().create_server(ConnectionGuard().protect(runner.server), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await runner.cleanup()


@pytest.mark.parametrize("said", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_http_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture, said: bytes) -> None:
    async with served(FakeSession()) as (host, port):
        assert (await send(host, port, said)).startswith((b"HTTP/1.0 4", b"HTTP/1.1 4"))

    assert caplog.records == []


async def test_a_body_that_cannot_be_unpacked_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    head = f"POST {END_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    async with served(FakeSession()) as (host, port):
        await send(host, port, f"{head}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd".encode())

    assert caplog.records == []


class BrokenSession(FakeSession):
    """Has a bug."""

    def snapshot(self) -> SessionSnapshot:
        raise ZeroDivisionError


async def test_a_bug_of_the_endpoint_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    said = f"GET {SESSION_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    async with served(BrokenSession()) as (host, port):
        await send(host, port, said.encode())

    assert "ZeroDivisionError" in caplog.text
