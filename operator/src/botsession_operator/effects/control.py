"""The Control port over HTTP. Calls return NoSnapshot where no answer comes in time; the next pass asks again.

Any program in a pod may listen on the pod's address. So an answer is read up to a bound, and is never decompressed;
redirects are not followed, and only a valid snapshot is accepted.
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
from botsession_operator.effects.uncontested_lease import UNCONTESTED
from botsession_operator.metric_labels import Action, NoCode
from botsession_operator.metrics import Metrics
from botsession_operator.ports import Lease

#: A supervisor answers from memory, within milliseconds. A connection inside a cluster takes a millisecond too; one
#: second is enough for a lost SYN.
TIMEOUT = aiohttp.ClientTimeout(total=2.0, sock_connect=1.1)
#: The bytes of one answer: the body, status line, headers, chunk sizes and trailers.
LARGEST_RESPONSE_BYTES: Final = 2 * LARGEST_ANSWER_BYTES
#: The statuses of a request that was carried out.
ANSWERED: Final = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})


def make_session() -> aiohttp.ClientSession:
    """Return the HTTP client for supervisors. It keeps nothing that a pod sends: no cookie and no connection."""
    return aiohttp.ClientSession(
        connector=_BoundedConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )


class HttpControl:
    """Sends requests to the supervisors, each at its pod's address and at the port that `port_of` returns."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        port_of: Callable[[Pod], int] = lambda _: CONTROL_PORT,
        lease: Lease = UNCONTESTED,
    ) -> None:
        self._session = session
        #: Without it nothing is asked.
        self._lease = lease
        self._metrics = metrics
        self._port_of = port_of

    async def snapshot(self, pod: Pod, token: str) -> SessionSnapshot | NoSnapshot:
        """Return the supervisor's snapshot of its session."""
        return await self._call(Action.SNAPSHOT, "GET", SESSION_PATH, pod, token)

    async def end(self, pod: Pod, token: str, request: EndRequest) -> SessionSnapshot | NoSnapshot:
        """Request the end of the session; a second request is harmless."""
        return await self._call(Action.END, "POST", END_PATH, pod, token, request)

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> SessionSnapshot | NoSnapshot:
        """Send the limits that have changed."""
        return await self._call(Action.ADJUST, "PATCH", SESSION_PATH, pod, token, patch)

    async def _call(
        self, action: Action, method: str, path: str, pod: Pod, token: str, body: Any = None
    ) -> SessionSnapshot | NoSnapshot:
        url = f"http://{_host(pod)}:{self._port_of(pod)}{path}"
        if self._lease.seconds_left() <= 0:
            log.debug("supervisor not asked without the lease", method=method, url=url)
            return NoSnapshot.UNREACHABLE
        code: int | NoCode = NoCode.NO_ANSWER
        try:
            async with self._request(method, url, token, body) as response:
                code = response.status
                if code in ANSWERED:
                    return snapshot_from_bytes(await _read(response))
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            log.debug("supervisor silent", method=method, url=url, error=repr(exc))
            return NoSnapshot.UNREACHABLE
        except ValueError as exc:  # PayloadError is one; aiohttp raises others for invalid HTTP
            code = NoCode.UNREADABLE
            log.debug("supervisor not understood", method=method, url=url, error=repr(exc))
            return NoSnapshot.UNREACHABLE
        finally:
            self._metrics.count_control_request(action, code)
        if code == HTTPStatus.CONFLICT and action is not Action.SNAPSHOT:
            # The session has changed since its last snapshot, so the request came too late: return its present state.
            return await self.snapshot(pod, token)
        log.debug("supervisor refuses", method=method, url=url, status=code)
        return NoSnapshot.UNREACHABLE

    def _request(self, method: str, url: str, token: str, body: Any) -> "aiohttp.client._RequestContextManager":
        # `identity` forbids compression. `_read` refuses an answer that is compressed all the same.
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
    """A connection that is aborted after LARGEST_RESPONSE_BYTES, whether they are body, headers or anything else."""

    _remaining = LARGEST_RESPONSE_BYTES

    def data_received(self, data: bytes) -> None:
        self._remaining -= len(data)
        if self._remaining >= 0:
            super().data_received(data)
        elif self.transport is not None:
            self.transport.abort()  # fails the reader at once; `close` would leave it waiting


class _BoundedConnector(aiohttp.TCPConnector):
    """Opens bounded connections, each for one request."""

    def __init__(self, *, force_close: bool) -> None:
        super().__init__(force_close=force_close)
        # aiohttp has no public way to choose a connector's protocol; tests/unit/operator/test_hostile_control.py tests
        # that it uses this one.
        self._factory = functools.partial(_BoundedHandler, loop=self._loop)  # type: ignore[assignment]  # a subclass


def _host(pod: Pod) -> str:
    address = pod.address or ""
    return f"[{address}]" if ":" in address else address
