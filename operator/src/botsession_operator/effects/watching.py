"""The HTTP session with which kopf lists and watches. It can read any stored object.

kopf parses JSON by itself, and stops watching for good at an object that is nested too deep. It accepts an aiohttp
session, and an aiohttp session accepts a class for its responses. The class here returns only JSON that kopf can parse.
"""

import json
import socket
from collections.abc import AsyncIterator
from typing import Any, Final, cast

import aiohttp
import kopf
from aiohttp.connector import AddrInfoType

from botsession_operator.api import bounded_json
from botsession_operator.effects.api import read_json

#: Seconds and counts, by socket option: a probe after 10 quiet seconds, and the end after three without an answer.
KEEPALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


def tolerant_session(found: kopf.ConnectionInfo) -> kopf.AiohttpSession:
    """Return the connection as a session that can read any answer. Call this in the event loop that uses it."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context(), socket_factory=_kept_alive),
        headers=found.as_http_headers(),
        proxy=found.proxy_url,
        trust_env=found.trust_env,
        response_class=TolerantResponse,
    )
    return kopf.AiohttpSession(
        aiohttp_session=session,
        server=found.server,
        default_namespace=found.default_namespace,
        priority=found.priority,
        expiration=found.expiration,
    )


def _kept_alive(address: AddrInfoType) -> socket.socket:
    """Return a socket that fails soon after its peer has gone, also while nothing is sent."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        if hasattr(socket, option):  # macOS and Windows lack some
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


class TolerantResponse(aiohttp.ClientResponse):
    """An answer of the API server."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Start to receive the answer."""
        await super().start(connection)
        self.content = cast("aiohttp.StreamReader", _TolerantStream(self.content))
        return self

    async def json(self, **_: Any) -> Any:
        """Return the whole body, as kopf reads a list."""
        return await read_json(await self.read())


class _TolerantStream:
    """A stream whose chunks are the lines of a watch. All else is the wrapped stream's."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole lines, each of which kopf can parse."""
        unread = bytearray()
        async for chunk in self._stream.iter_chunked(size):
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                yield await _readable(bytes(unread + line))
                unread.clear()
            unread += rest
        if unread:
            yield await _readable(bytes(unread))


async def _readable(line: bytes) -> bytes:
    cut = json.dumps(await read_json(line)).encode() if bounded_json.must_be_cut(line) else line
    return cut + b"\n"
