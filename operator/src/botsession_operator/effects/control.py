"""The Control port over HTTP. What does not answer in time is NoSnapshot: the next pass asks again.

Whoever runs in a pod may listen on its address. So an answer is read up to a bound, is never decompressed, never leads
to another address, and is read as a snapshot or not at all.
"""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from loguru import logger as log

from botsession_contract.control import (
    CONTROL_PORT,
    END_PATH,
    LARGEST_ANSWER_BYTES,
    SESSION_PATH,
    EndRequest,
    SessionPatch,
    SessionSnapshot,
    snapshot_from_bytes,
)
from botsession_contract.json_codec import PayloadError, encode
from botsession_operator.core.observe.observed import NoSnapshot, Pod
from botsession_operator.metric_labels import Action, NoCode
from botsession_operator.metrics import Metrics

#: A supervisor answers from memory; one that has not within this time is as good as silent. A connection inside a
#: cluster takes a millisecond; one second bridges a lost SYN.
TIMEOUT = aiohttp.ClientTimeout(total=2.0, sock_connect=1.1)
#: All bytes of one answer: status lines, headers, chunk sizes and trailers come on top of the body.
LARGEST_RESPONSE_BYTES: Final = 2 * LARGEST_ANSWER_BYTES
#: What supervisors answer with when they do what they are asked.
ANSWERED: Final = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})


def make_session() -> aiohttp.ClientSession:
    """Return the HTTP client for supervisors. Nothing that a pod sends is kept for the next request: no cookie, no
    connection, no redirect.
    """
    return aiohttp.ClientSession(
        connector=_BoundedConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )


class HttpControl:
    """Talks to the supervisors in pods, each over its own address. `port_of` says where a pod's supervisor listens."""

    def __init__(
        self, session: aiohttp.ClientSession, metrics: Metrics, port_of: Callable[[Pod], int] = lambda _: CONTROL_PORT
    ) -> None:
        self._session = session
        self._metrics = metrics
        self._port_of = port_of

    async def snapshot(self, pod: Pod, token: str) -> SessionSnapshot | NoSnapshot:
        """Ask what the supervisor knows."""
        return await self._call(Action.SNAPSHOT, "GET", SESSION_PATH, pod, token)

    async def end(self, pod: Pod, token: str, request: EndRequest) -> SessionSnapshot | NoSnapshot:
        """Ask for the end; asking twice is harmless."""
        return await self._call(Action.END, "POST", END_PATH, pod, token, request)

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> SessionSnapshot | NoSnapshot:
        """Tell the limits that have moved."""
        return await self._call(Action.ADJUST, "PATCH", SESSION_PATH, pod, token, patch)

    async def _call(
        self, action: Action, method: str, path: str, pod: Pod, token: str, body: Any = None
    ) -> SessionSnapshot | NoSnapshot:
        url = f"http://{_host(pod)}:{self._port_of(pod)}{path}"
        code: int | NoCode = NoCode.NO_ANSWER
        try:
            async with self._request(method, url, token, body) as response:
                code = response.status
                if code in ANSWERED:
                    return snapshot_from_bytes(await _read(response))
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            log.debug("supervisor silent", method=method, url=url, error=repr(exc))
            return NoSnapshot.UNREACHABLE
        except ValueError as exc:  # PayloadError is one; aiohttp has others for what is no HTTP
            code = NoCode.UNREADABLE
            log.debug("supervisor not understood", method=method, url=url, error=repr(exc))
            return NoSnapshot.UNREACHABLE
        finally:
            self._metrics.count_control_request(action, code)
        if code == HTTPStatus.CONFLICT and action is not Action.SNAPSHOT:
            # The session has gone on since it was looked at, so the change came too late: how far is it now?
            return await self.snapshot(pod, token)
        log.debug("supervisor refuses", method=method, url=url, status=code)
        return NoSnapshot.UNREACHABLE

    def _request(self, method: str, url: str, token: str, body: Any) -> "aiohttp.client._RequestContextManager":
        # With `identity` nobody may compress, and what claims to be compressed is refused in `_read`.
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        payload = None if body is None else encode(body)
        return self._session.request(
            method, url, json=payload, headers=headers, timeout=TIMEOUT, allow_redirects=False, auto_decompress=False
        )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body; raise PayloadError, and close the connection, where it is too large or encoded."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PayloadError("the answer is encoded")
    raw = bytearray()
    async for part in response.content.iter_chunked(LARGEST_ANSWER_BYTES):
        raw += part
        if len(raw) > LARGEST_ANSWER_BYTES:
            response.close()
            raise PayloadError(f"the answer has more than {LARGEST_ANSWER_BYTES} bytes")
    return bytes(raw)


class _BoundedHandler(ResponseHandler):
    """A connection that is cut when more comes than any answer has, whatever part of HTTP it is said to be."""

    _remaining = LARGEST_RESPONSE_BYTES

    def data_received(self, data: bytes) -> None:
        self._remaining -= len(data)
        if self._remaining >= 0:
            super().data_received(data)
        elif self.transport is not None:
            self.transport.abort()  # which fails whatever waits for more; `close` would leave it waiting


class _BoundedConnector(aiohttp.TCPConnector):
    """Opens connections that are bounded, each for one request."""

    def __init__(self, *, force_close: bool) -> None:
        super().__init__(force_close=force_close)
        # aiohttp has no public way to give a connector its protocol; tests/unit/operator/test_hostile_control.py holds
        # that this one is used.
        self._factory = functools.partial(_BoundedHandler, loop=self._loop)  # type: ignore[assignment]  # a subclass


def _host(pod: Pod) -> str:
    address = pod.address or ""
    return f"[{address}]" if ":" in address else address
