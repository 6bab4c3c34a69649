"""The HTTP session with which kopf lists and watches. It can read any stored object, and takes the objects itself.

kopf parses JSON by itself, and stops watching for good at an object that is nested too deep. It accepts an aiohttp
session, and an aiohttp session accepts a class for its responses. The class here returns only JSON that kopf can parse.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, cast

import aiohttp
import kopf
from aiohttp.connector import AddrInfoType
from loguru import logger as log

from botsession_contract.names import KIND
from botsession_operator.api.spec import Json
from botsession_operator.core.observe.untyped import mapping
from botsession_operator.effects.api import read_json

#: Takes the type of a watch event, None for an object of a list, and the object.
HandleEvent = Callable[[str | None, Json], None]
#: The kinds of objects that are handled here, and the types of events that change one.
WATCHED: Final = frozenset({KIND, "Pod"})
CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})

#: Seconds and counts, by socket option: a probe after 10 quiet seconds, and the end after three without an answer.
KEEPALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


def tolerant_session(found: kopf.ConnectionInfo, handle_event: HandleEvent) -> kopf.AiohttpSession:
    """Return the connection as a session that can read any answer, and passes each session and pod to `handle_event`.

    Call this in the event loop that uses it.
    """

    class Response(TolerantResponse):
        handle = staticmethod(handle_event)

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context(), socket_factory=_kept_alive),
        headers=found.as_http_headers(),
        proxy=found.proxy_url,
        trust_env=found.trust_env,
        response_class=Response,
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
    """An answer of the API server. Each session and pod in it goes to `handle`, and kopf gets only what it needs.

    kopf copies and compares each object that it gets, in a task for each object. That would cost more than all of a
    pass. So it gets lists without items, and of each event the version from which it continues.
    """

    handle: HandleEvent

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Start to receive the answer."""
        await super().start(connection)
        self.content = cast("aiohttp.StreamReader", _TolerantStream(self.content, self.handle))
        return self

    async def json(self, **_: Any) -> Any:
        """Return the whole body, as kopf reads a list."""
        answer = await read_json(await self.read())
        kind = str(answer.get("kind")).removesuffix("List") if isinstance(answer, dict) else ""
        if kind not in WATCHED or not isinstance(answer.get("items"), list):
            return answer
        for item in answer["items"]:
            _handle(self.handle, None, {"kind": kind, **item})
        return {**answer, "items": []}


class _TolerantStream:
    """A stream whose chunks are the lines of a watch. All else is the wrapped stream's."""

    def __init__(self, stream: aiohttp.StreamReader, handle: HandleEvent) -> None:
        self._stream = stream
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole lines, each of which kopf can parse."""
        unread = bytearray()
        async for chunk in self._stream.iter_chunked(size):
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                yield await self._line_for_kopf(bytes(unread + line))
                unread.clear()
            unread += rest
        if unread:
            yield await self._line_for_kopf(bytes(unread))

    async def _line_for_kopf(self, line: bytes) -> bytes:
        try:
            event = await read_json(line)
        except ValueError:
            return line + b"\n"  # kopf reports it
        if _is_watched(event):
            _handle(self._handle, event["type"], event["object"])
            await asyncio.sleep(0)  # many events may come in one chunk; passes go on between them
            event = _bookmark(event["object"])
        return json.dumps(event).encode() + b"\n"


def _is_watched(event: Any) -> bool:
    found = event.get("object") if isinstance(event, dict) else None
    return isinstance(found, dict) and event.get("type") in CHANGES and found.get("kind") in WATCHED


def _handle(handle: HandleEvent, event_type: str | None, found: Json) -> None:
    """Handle an event. An error concerns its object only, so the watch goes on."""
    try:
        handle(event_type, found)
    except Exception:  # noqa: BLE001  # a bug must not end the watch
        log.exception("watch event not handled")


def _bookmark(found: Json) -> Json:
    """Return the event with which the API server tells a version, and nothing else."""
    version = mapping(found.get("metadata")).get("resourceVersion")
    return {"type": "BOOKMARK", "object": {"kind": found["kind"], "metadata": {"resourceVersion": version}}}
