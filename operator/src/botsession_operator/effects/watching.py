"""What kopf's lists and watches bring, taken from its HTTP answers.

kopf logs in, lists, watches, and continues after an end. It would also keep a queue, a task and a memory for each
object, and copy each object several times. So the session of aiohttp that kopf uses hands each object to a `Watcher`
as it is read. kopf gets the pages of a list without their items, and bookmarks in place of a watch's events.

* A list is streamed (`sendInitialEvents`) where the API server can do that, and otherwise comes in chunks.
* Whatever is wrong with a watch, from 410 Gone to an error in the stream, makes kopf list anew. kopf alone would end.
* Any stored object can be read: what is nested too deep, or too large, is cut out (`api/bounded_json.py`).
"""

import asyncio
import json
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Final, Protocol, cast

import aiohttp
import kopf
from aiohttp.connector import AddrInfoType
from loguru import logger as log

from botsession_operator.api.spec import Json
from botsession_operator.core.observe.untyped import mapping, mappings, text
from botsession_operator.effects.api import read_json

#: Seconds and counts, by socket option: a probe after 10 quiet seconds, and the end after three without an answer.
KEEPALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
#: The API server marks the end of a streamed list with this annotation of a bookmark.
LIST_END: Final = "k8s.io/initial-events-end"
#: kopf lists anew after this event.
LIST_ANEW: Final = b'{"type": "ERROR", "object": {"kind": "Status", "code": 410}}\n'
#: Before kopf lists anew because of what could come again at once, such as an error. Jittered: watches fail together.
PAUSE_SECONDS: Final = (1.0, 5.0)
#: Handling a line takes some 0.2 ms. After so many, other tasks get their turn.
LINES_AT_ONCE: Final = 20
#: A path ends so. The API server's own URL may have a path, as behind Rancher.
_PATH: Final = re.compile(r"(?:/api/[^/]+|/apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)$")


@dataclass(frozen=True, slots=True)
class Collection:
    """All objects of a kind that kopf watches, in one namespace or in all."""

    plural: str
    namespace: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """What a complete list has brought."""

    #: The resourceVersion at which the list was taken.
    version: str
    uids: frozenset[str]


class Watcher(Protocol):
    """Gets what the lists and the watches bring."""

    def see(self, plural: str, event_type: str | None, raw: Json) -> None:
        """Handle an event of a watch, or an object of a list, which has no type."""
        ...

    def list_ended(self, collection: Collection, listed: Listed) -> None:
        """Handle the end of a list: all its objects were seen."""
        ...


async def _pause() -> None:
    await asyncio.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311


@dataclass(slots=True)
class Watches:
    """The lists and watches of all collections."""

    watcher: Watcher
    #: kopf's, which says whether lists are streamed.
    settings: kopf.OperatorSettings
    plurals: frozenset[str]
    #: Waits before a list that a broken watch asks for.
    pause: Callable[[], Awaitable[None]] = _pause
    #: The UIDs of each list that has begun and not ended.
    _listing: dict[Collection, set[str]] = field(default_factory=dict)

    def collection(self, path: str) -> Collection | None:
        """Return what a request is about; None where kopf asks for something else."""
        found = _PATH.search(path)
        return Collection(found["plural"], found["namespace"]) if found and found["plural"] in self.plurals else None

    def begin_list(self, collection: Collection) -> None:
        """Note that a list begins, perhaps anew."""
        self._listing[collection] = set()

    def is_listing(self, collection: Collection) -> bool:
        """Return whether a list has begun and not ended."""
        return collection in self._listing

    def stop_streaming(self, reason: str) -> None:
        """List in chunks from now on."""
        if self.settings.watching.initial_streaming:
            self.settings.watching.initial_streaming = False
            log.info("lists in chunks", reason=reason)

    def see_page(self, collection: Collection, page: Json) -> Json:
        """Hand on a page of a list; return the page without its items."""
        metadata = mapping(page.get("metadata"))
        for item in mappings(page.get("items")):
            self.see(collection, None, item)
        if not metadata.get("continue"):
            self.end_list(collection, text(metadata.get("resourceVersion")))
        return {**page, "items": []}

    def see(self, collection: Collection, event_type: str | None, raw: Json) -> None:
        """Hand on an event. A bug that one object meets does not end the watch of all."""
        if event_type is None:
            self._listing[collection].add(text(mapping(raw.get("metadata")).get("uid")))
        try:
            self.watcher.see(collection.plural, event_type, raw)
        except Exception:  # noqa: BLE001
            log.exception("event not handled", plural=collection.plural)

    def end_list(self, collection: Collection, version: str) -> None:
        """Note that a list is complete."""
        self.watcher.list_ended(collection, Listed(version, frozenset(self._listing.pop(collection))))


def watching_session(found: kopf.ConnectionInfo, watches: Watches) -> kopf.AiohttpSession:
    """Return the connection as a session for kopf. Call this in the event loop that uses it."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context(), socket_factory=_kept_alive),
        headers=found.as_http_headers(),
        proxy=found.proxy_url,
        trust_env=found.trust_env,
        response_class=type("Response", (WatchResponse,), {"watches": watches}),
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


class WatchResponse(aiohttp.ClientResponse):
    """An answer of the API server to kopf."""

    watches: ClassVar[Watches]

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Start to receive the answer."""
        await super().start(connection)
        collection = self.watches.collection(self.url.path)
        if collection and "watch" in self.url.query:
            self._start_watch(collection)
        elif collection:
            self._start_page(collection)
        return self

    async def json(self, **_: Any) -> Any:
        """Return the whole body, as kopf reads a list; without the items, which are handed on."""
        value = await read_json(await self.read())
        collection = self.watches.collection(self.url.path)
        if collection is None or self.status != HTTPStatus.OK or not isinstance(value, dict):
            return value
        return self.watches.see_page(collection, value)

    def _start_page(self, collection: Collection) -> None:
        if self.status == HTTPStatus.GONE:  # it took longer than the API server keeps old versions
            raise aiohttp.ClientPayloadError("a list cannot be continued, and begins anew")
        if self.status == HTTPStatus.OK and "continue" not in self.url.query:
            self.watches.begin_list(collection)

    def _start_watch(self, collection: Collection) -> None:
        if self._must_list_anew(collection):
            self.status = HTTPStatus.OK
            self.content = cast("aiohttp.StreamReader", _ListAnew(self.content))
        elif self.status == HTTPStatus.OK:
            stream = WatchStream(self.content, collection, self.watches)
            self.content = cast("aiohttp.StreamReader", stream)

    def _must_list_anew(self, collection: Collection) -> bool:
        """Return whether this watch cannot work, or would leave out objects; begin a streamed list."""
        if self.status == HTTPStatus.GONE:
            return True
        if "sendInitialEvents" not in self.url.query:
            return "resourceVersion" not in self.url.query  # a streamed list was given up meanwhile
        if self.status == HTTPStatus.UNAUTHORIZED:  # kopf logs in again
            return False
        if self.status >= HTTPStatus.BAD_REQUEST:  # kopf would ask for the same again, and end
            self.watches.stop_streaming(f"the API server answered a streamed list with {self.status}")
            return True
        if self.watches.is_listing(collection):
            self.watches.stop_streaming("a streamed list ended early")
            return True
        if self.status == HTTPStatus.OK:
            self.watches.begin_list(collection)
        return False


class _ListAnew:
    """The body of a watch that makes kopf list anew. All but its lines is the wrapped stream's."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """Yield the only line."""
        yield LIST_ANEW


class WatchStream:
    """The body of a watch: hands on its events, and yields bookmarks for kopf. All else is the wrapped stream's."""

    def __init__(self, stream: aiohttp.StreamReader, collection: Collection, watches: Watches) -> None:
        self._stream = stream
        self._collection = collection
        self._watches = watches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield lines for kopf."""
        handled = 0
        async for line in _lines(self._stream, size):
            for answer in await self._handle(line):
                yield answer
            handled += 1
            if handled % LINES_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _handle(self, line: bytes) -> list[bytes]:
        if not line.strip():  # kopf skips empty lines too
            return []
        try:
            event = mapping(await read_json(line))
        except ValueError:
            return await self._list_anew_later()
        raw, event_type = mapping(event.get("object")), text(event.get("type"))
        match event_type:
            case "ADDED" | "MODIFIED" | "DELETED":
                return self._see(event_type, raw)
            case "BOOKMARK":
                return self._see_bookmark(raw, line)
            case "ERROR" if raw.get("code") == HTTPStatus.GONE:
                return [LIST_ANEW]
            case _:
                return await self._list_anew_later()

    async def _list_anew_later(self) -> list[bytes]:
        await self._watches.pause()
        return [LIST_ANEW]

    def _see(self, event_type: str, raw: Json) -> list[bytes]:
        is_listing = self._watches.is_listing(self._collection)
        is_listed = is_listing and event_type != "DELETED"  # an object may go before its list has ended
        self._watches.see(self._collection, None if is_listed else event_type, raw)
        version = text(mapping(raw.get("metadata")).get("resourceVersion"))
        return [_bookmark(version)] if version and not is_listing else []

    def _see_bookmark(self, raw: Json, line: bytes) -> list[bytes]:
        metadata = mapping(raw.get("metadata"))
        if self._watches.is_listing(self._collection):
            if mapping(metadata.get("annotations")).get(LIST_END) != "true":
                return []
            self._watches.end_list(self._collection, text(metadata.get("resourceVersion")))
        return [line + b"\n"]


def _bookmark(version: str) -> bytes:
    """Return an event that tells kopf from which resourceVersion to continue."""
    return json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}).encode() + b"\n"


async def _lines(stream: aiohttp.StreamReader, size: int) -> AsyncIterator[bytes]:
    """Yield whole lines. The API server sends again what breaks off in the middle of one."""
    unread = bytearray()
    async for chunk in stream.iter_chunked(size):
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield bytes(unread + line)
            unread.clear()
        unread += rest
