"""A reverse proxy in front of the API server that answers what a test wants, instead of what is true.

It stands between the operator and the API server only: whoever looks from outside asks the API server itself. Requests
go through with the operator's own credentials, so that its rights are the real ones.
"""

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from aiohttp import web

from tests.faults.network import Upstream
from tests.ports import free_port

#: Of one connection only, so they are not handed on.
HOP_BY_HOP: Final = frozenset({"connection", "host", "transfer-encoding", "content-length", "keep-alive"})
#: What connections over TLS take to be closed when nothing uses them any more.
CLOSING_SECONDS: Final = 0.5
#: What the API server says in a watch whose version is too old.
GONE_EVENT: Final = {
    "type": "ERROR",
    "object": {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410},
}


class Answer(Enum):
    """What becomes of a request."""

    REFUSED = auto()  # it is answered with a status, and never reaches the API server
    HUNG = auto()  # it is never answered, and never reaches the API server
    LOST = auto()  # the API server has carried it out, and its answer is lost
    SILENT = auto()  # a watch: it is answered, and from now on brings nothing


@dataclass(eq=False, slots=True)
class Fault:
    """What goes wrong, and with which requests: those whose method, path with query, and body match."""

    answer: Answer
    method: str = ""
    path: str = ""
    body: str = ""
    status: int = 500
    #: A watch can only be told by its query, and most faults spare it: kopf has its own ways with each.
    watches: bool = False
    #: Seconds, for the header Retry-After.
    retry_after: int | None = None
    #: How many requests at most; None: until it is lifted.
    times: int | None = None
    hits: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def takes(self, method: str, path: str, body: str) -> bool:
        """Return whether a request is to go wrong, and count it."""
        matches = (
            is_watch(path) == self.watches
            and re.search(self.method, method)
            and re.search(self.path, path)
            and re.search(self.body, body, re.DOTALL)
        )
        if not matches or self.hits == self.times:
            return False
        with self.changed:
            self.hits += 1
            self.changed.notify_all()
        return True


@dataclass(eq=False, slots=True)
class Stream:
    """A watch that is open."""

    response: web.StreamResponse
    path: str
    fault: Fault | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Runs in a thread of its own; what is asked of it from outside takes effect before the call returns."""

    def __init__(self, upstream: Upstream, listen: str, server: ssl.SSLContext | None) -> None:
        self.host = listen
        # One that stays its own while nobody listens: the kernel gives it to no connection meanwhile.
        self.port = free_port()
        self._upstream = upstream
        self._server = server
        self._faults: list[Fault] = []
        self._streams: set[Stream] = set()
        self._lifted: dict[Fault, asyncio.Event] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._run(self._start())

    def stop(self) -> None:
        """Stop for good."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fault(self, fault: Fault) -> Fault:
        """Let a fault hold from now on."""
        self._run(self._begin(fault))
        return fault

    def wait_for(self, fault: Fault, within: float) -> bool:
        """Wait until a fault has struck a request; tell whether it has."""
        with fault.changed:
            return fault.changed.wait_for(lambda: fault.hits > 0, timeout=within)

    def lift(self, fault: Fault) -> None:
        """Let things be in order again; watches that a fault has silenced are closed, as a dead peer's are at last."""
        self._run(self._end(fault))

    def relist(self, status: int | None = None) -> None:
        """End all watches: by an event that says that their version is too old, or, with a status, without one."""
        self._run(self._expire(status))

    def refuse(self) -> None:
        """Listen no longer, and break off all connections."""
        self._run(self._close())

    def accept(self) -> None:
        """Listen again, on the same port."""
        self._run(self._listen())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._upstream.trust, limit=0)
        self._client = aiohttp.ClientSession(
            self._upstream.url, connector=connector, timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False
        )
        self._runner = web.AppRunner(_app(self._serve), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._server, reuse_address=True)
        await site.start()
        self._site = site

    async def _close(self) -> None:
        await self._site.stop()
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            if connection.transport:
                connection.transport.abort()

    async def _stop(self) -> None:
        for fault in list(self._faults):
            await self._end(fault)
        await self._close()
        await self._runner.cleanup()
        # Connections that were broken off leave handlers behind, which must not be found when the loop is gone.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._client.close()
        # aiohttp closes connections over TLS a moment later (its documentation: Graceful Shutdown).
        await asyncio.sleep(CLOSING_SECONDS)

    async def _begin(self, fault: Fault) -> None:
        self._lifted[fault] = asyncio.Event()
        self._faults.append(fault)
        for stream in self._streams:
            if fault.answer is Answer.SILENT and fault.takes("GET", stream.path, ""):
                stream.fault = fault

    async def _end(self, fault: Fault) -> None:
        if fault not in self._faults:
            return
        self._faults.remove(fault)
        self._lifted.pop(fault).set()
        for stream in self._streams:
            if stream.fault is fault:
                stream.ended.set()

    async def _expire(self, status: int | None) -> None:
        for stream in list(self._streams):
            if status is None:
                await stream.response.write(json.dumps(GONE_EVENT).encode() + b"\n")
            stream.ended.set()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.raw_path
        text = body.decode("utf-8", errors="replace")
        fault = next((each for each in self._faults if each.takes(request.method, path, text)), None)
        if fault and fault.answer is Answer.REFUSED:
            return _refusal(fault)
        if fault and fault.answer is Answer.HUNG:
            await self._lifted[fault].wait()
            return await _hang_up(request)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        async with self._client.request(
            request.method, path, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            if is_watch(path):
                return await self._stream(request, answer, fault)
            content = await answer.read()
        if fault:
            return await _hang_up(request)
        return web.Response(status=answer.status, headers=_handed_on(answer), body=content)

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse, fault: Fault | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_handed_on(answer))
        response.enable_chunked_encoding()
        await response.prepare(request)
        stream = Stream(response, request.raw_path, fault)
        self._streams.add(stream)
        copying = asyncio.ensure_future(_copy(answer, stream))
        ending = asyncio.ensure_future(stream.ended.wait())
        try:
            await asyncio.wait({copying, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.discard(stream)
            for task in (copying, ending):
                task.cancel()
            await asyncio.gather(copying, ending, return_exceptions=True)
        return response


def is_watch(path: str) -> bool:
    """Tell a watch from a list."""
    return "watch=true" in path


def _app(serve: Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]) -> web.Application:
    app = web.Application(client_max_size=16 * 1024**2)
    app.router.add_route("*", "/{path:.*}", serve)
    return app


async def _copy(answer: aiohttp.ClientResponse, stream: Stream) -> None:
    async for chunk in answer.content.iter_any():
        if stream.fault is None:
            await stream.response.write(chunk)


async def _hang_up(request: web.Request) -> web.Response:
    """Break the connection off, so that no answer arrives."""
    if request.transport:
        request.transport.abort()
    return web.Response()


def _refusal(fault: Fault) -> web.Response:
    """Answer as the API server does, with a Status."""
    status = HTTPStatus(fault.status)
    said: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "code": status.value,
    }
    reason = {409: "Conflict", 410: "Expired", 429: "TooManyRequests"}.get(status, "InternalError")
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return web.json_response({**said, "reason": reason, "message": "injected fault"}, status=status, headers=headers)


def _handed_on(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
