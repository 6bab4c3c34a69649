"""Whoever listens on a pod's address gets nothing but a bounded moment of the operator's time."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from botsession_contract.control import (
    LARGEST_ANSWER_BYTES,
    EndRequest,
    SessionPatch,
    SessionSnapshot,
    snapshot_from_bytes,
)
from botsession_contract.json_codec import PayloadError, encode
from botsession_contract.lifecycle import BotState, Cause, Mode, Step
from botsession_operator.core.observe.observed import NoSnapshot
from botsession_operator.effects import control as control_module
from botsession_operator.effects.control import LARGEST_RESPONSE_BYTES, HttpControl, make_session
from botsession_operator.metrics import Metrics
from tests.builders import later, pod, samples, snapshot

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GOOD: Final = json.dumps(encode(snapshot())).encode()
#: Before any fixture puts another in its place.
SHIPPED: Final = control_module.TIMEOUT
#: What a flood may send before the test calls it endless; kernel buffers hold a few megabytes of it.
ENDLESS: Final = 32 * 2**20
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Listens where a supervisor should, and answers each request as the test says."""

    def __init__(self) -> None:
        self.answer: Answer = says(whole(GOOD))
        self.requests: list[bytes] = []
        self.sent = 0
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await self.answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the operator has hung up
        finally:
            writer.close()

    def flood(self, head: bytes, part: bytes) -> None:
        """Answer without an end."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(head)
            while self.sent < ENDLESS:
                writer.write(part)
                await writer.drain()
                self.sent += len(part)

        self.answer = answer


def whole(body: bytes, head: bytes = OK) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def says(raw: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return answer


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    async with await asyncio.start_server(listener.handle, "127.0.0.1", 0) as server:
        listener.port = server.sockets[0].getsockname()[1]
        yield listener


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no answer cut by the clock, so that only the bounds can do it."""
    monkeypatch.setattr(control_module, "TIMEOUT", aiohttp.ClientTimeout(total=90.0))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def control(listener: Listener, registry: CollectorRegistry) -> AsyncIterator[HttpControl]:
    async with make_session() as session:
        yield HttpControl(session, Metrics(registry), lambda _: listener.port)


async def asked(control: HttpControl) -> SessionSnapshot | NoSnapshot:
    return await control.snapshot(pod(address="127.0.0.1"), "token")


def codes(registry: CollectorRegistry) -> dict[str, float]:
    found = samples(registry, "botsession_control_requests_total")
    return {f"{labels['action']} {labels['code']}": value for labels, value in found if value}


HEADERS: Final = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(500))
COOKIES: Final = b"".join(b"Set-Cookie: c%d=%s\r\n" % (number, b"a" * 100) for number in range(500))


@pytest.mark.parametrize(
    ("head", "part"),
    [
        pytest.param(OK + b"\r\n", b"a" * 65536, id="a body without a length"),
        pytest.param(OK + b"Content-Length: 99999999999\r\n\r\n", b"a" * 65536, id="a body with a length"),
        pytest.param(CHUNKED, b"10000\r\n" + b"a" * 65536 + b"\r\n", id="large chunks"),
        pytest.param(CHUNKED, b"1\r\na\r\n" * 10000, id="small chunks"),
        pytest.param(CHUNKED + b"1;", b"a" * 65536, id="an extension of a chunk"),
        pytest.param(CHUNKED + b"0\r\n", HEADERS, id="trailers"),
        pytest.param(OK, HEADERS, id="headers"),
        pytest.param(OK, COOKIES, id="cookies"),
        pytest.param(OK + b"X: ", b"a" * 65536, id="a header"),
        pytest.param(b"HTTP/1.1 200 ", b"a" * 65536, id="a reason"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1000, id="interim answers"),
        pytest.param(b"HTTP/1.1 500 Oh\r\n\r\n", b"a" * 65536, id="the body of an error"),
        pytest.param(b"HTTP/1.1 409 Conflict\r\n\r\n", b"a" * 65536, id="the body of a conflict"),
        pytest.param(b"", b"\x00" * 65536, id="no HTTP"),
    ],
)
async def test_an_answer_without_an_end_is_cut(
    listener: Listener, control: HttpControl, head: bytes, part: bytes
) -> None:
    listener.flood(head, part)

    assert await asked(control) is NoSnapshot.UNREACHABLE
    assert listener.sent < ENDLESS


async def test_no_more_of_an_answer_is_kept_than_a_bound(listener: Listener, control: HttpControl) -> None:
    listener.flood(CHUNKED, b"1000\r\n" + b" " * 4096 + b"\r\n")
    received = 0
    feed = control_module._BoundedHandler.data_received

    def count(self: Any, data: bytes) -> None:
        nonlocal received
        received += len(data) if self._remaining > 0 else 0
        feed(self, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control_module._BoundedHandler, "data_received", count)
        assert await asked(control) is NoSnapshot.UNREACHABLE
    # What was handed on, and the one piece that the socket had read when the bound was passed.
    assert 0 < received < LARGEST_RESPONSE_BYTES + 2**20


@pytest.mark.parametrize("size", [LARGEST_ANSWER_BYTES, LARGEST_ANSWER_BYTES + 1])
@pytest.mark.parametrize("head", [OK, None], ids=["with a length", "until the connection ends"])
async def test_an_answer_is_read_up_to_the_bound(
    listener: Listener, control: HttpControl, size: int, head: bytes | None
) -> None:
    body = GOOD + b" " * (size - len(GOOD))
    listener.answer = says(whole(body) if head else OK + b"\r\n" + body)

    expected = snapshot() if size == LARGEST_ANSWER_BYTES else NoSnapshot.UNREACHABLE
    assert await asked(control) == expected


async def test_an_answer_that_trickles_is_cut_by_the_time_out(
    listener: Listener, control: HttpControl, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begin(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 100\r\n\r\n{")
        await asyncio.Event().wait()

    monkeypatch.setattr(control_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.3))
    listener.answer = begin

    assert await asked(control) is NoSnapshot.UNREACHABLE
    assert codes(registry) == {"snapshot 200": 1}


def test_a_connection_has_a_time_out_of_its_own() -> None:
    assert SHIPPED.total
    assert SHIPPED.sock_connect
    assert SHIPPED.sock_connect < SHIPPED.total


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("action", ["snapshot", "end", "adjust"])
async def test_no_redirect_is_followed(
    listener: Listener, control: HttpControl, registry: CollectorRegistry, status: int, action: str
) -> None:
    elsewhere = f"http://127.0.0.1:{listener.port}/admin/delete-everything"
    listener.answer = says(f"HTTP/1.1 {status} Go\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode())
    its_pod = pod(address="127.0.0.1")
    calls = {
        "snapshot": lambda: control.snapshot(its_pod, "token"),
        "end": lambda: control.end(its_pod, "token", EndRequest(Mode.GRACEFUL)),
        "adjust": lambda: control.adjust(its_pod, "token", SessionPatch(later(60))),
    }

    assert await calls[action]() is NoSnapshot.UNREACHABLE
    assert len(listener.requests) == 1
    assert codes(registry) == {f"{action} {status}": 1}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "anything"])
async def test_no_answer_is_decompressed(listener: Listener, control: HttpControl, encoding: str) -> None:
    listener.answer = says(whole(GOOD, OK + f"Content-Encoding: {encoding}\r\n".encode()))

    assert await asked(control) is NoSnapshot.UNREACHABLE
    assert b"Accept-Encoding: identity\r\n" in listener.requests[0]


async def test_a_supervisor_that_always_refuses_is_asked_twice_and_no_more(
    listener: Listener, control: HttpControl, registry: CollectorRegistry
) -> None:
    listener.answer = says(whole(b"{}", b"HTTP/1.1 409 Conflict\r\n"))

    assert await control.end(pod(address="127.0.0.1"), "token", EndRequest(Mode.GRACEFUL)) is NoSnapshot.UNREACHABLE
    assert codes(registry) == {"end 409": 1, "snapshot 409": 1}


async def test_nothing_of_an_answer_is_there_for_the_next_request(listener: Listener, control: HttpControl) -> None:
    poisoned = json.dumps(encode(snapshot(BotState.ENDING))).encode()
    listener.answer = says(whole(GOOD, OK + b"Set-Cookie: a=b\r\nConnection: keep-alive\r\n") + whole(poisoned))

    assert [await asked(control) for _ in range(3)] == [snapshot()] * 3
    assert len(listener.requests) == 3
    assert not any(b"Cookie" in request for request in listener.requests)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 60_000, id="lists without an end"),
        pytest.param(b'{"state":' * 6000, id="objects without an end"),
        pytest.param(GOOD.replace(b'"now": "2026', b'"now": "9999'), id="the end of the calendar"),
        pytest.param(b'{"state":"Running","now":"0001-01-01T00:00:00+14:00"}', id="its beginning"),
        pytest.param(b'{"state":"Running","now":"2026-01-31T12:00:00Z","limits":{"joinTimeoutSeconds":NaN}}', id="NaN"),
        pytest.param(
            b'{"state":"Running","now":"2026-01-31T12:00:00Z","limits":{"joinTimeoutSeconds":%s}}' % (b"9" * 400),
            id="400 digits",
        ),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b'"' * 60_000, id="quotes"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_poison_is_unreadable_and_counted(
    listener: Listener, control: HttpControl, registry: CollectorRegistry, body: bytes
) -> None:
    listener.answer = says(whole(body))

    assert await asked(control) is NoSnapshot.UNREACHABLE
    assert codes(registry) == {"snapshot Unreadable": 1}


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_a_snapshot_raise_anything_but_a_payload_error(raw: bytes) -> None:
    with pytest.raises(PayloadError):
        snapshot_from_bytes(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00",
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: \x00\xff; charset=\xff\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: \xff=\xff; expires=9999999999999\r\nContent-Length: 2\r\n\r\n{}",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01",
        b"",
    ],
)
async def test_what_is_no_http_is_silence(listener: Listener, control: HttpControl, raw: bytes) -> None:
    listener.answer = says(raw)

    assert await asked(control) is NoSnapshot.UNREACHABLE


def words(**members: Any) -> bytes:
    return json.dumps({**encode(snapshot()), **members}).encode()


async def test_a_state_of_a_newer_supervisor_is_unknown_and_no_silence(
    listener: Listener, control: HttpControl
) -> None:
    listener.answer = says(whole(words(state="Dreaming")))

    answer = await asked(control)
    assert isinstance(answer, SessionSnapshot)
    assert answer.state is BotState.UNKNOWN


async def test_an_ending_of_a_newer_supervisor_is_kept_with_its_words(listener: Listener, control: HttpControl) -> None:
    at = "2026-01-31T12:00:00Z"
    ending = {"cause": "Moved", "mode": "Slow", "requestedAt": at, "steps": [{"step": "Ask", "at": at}]}
    listener.answer = says(whole(words(state="Ending", ending=ending)))

    answer = await asked(control)
    assert isinstance(answer, SessionSnapshot)
    assert answer.ending
    assert (answer.ending.cause, answer.ending.mode) == (Cause.UNKNOWN, Mode.GRACEFUL)
    assert [taken.step for taken in answer.ending.steps] == [Step.UNKNOWN]
    assert answer.ending.note == (
        "the supervisor is of another version: ending.cause Moved, ending.mode Slow, ending.steps[0].step Ask"
    )
