"""The operator's HTTP endpoint: probes, pokes from supervisors, and metrics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from botsession_contract.connections import ConnectionGuard
from botsession_contract.control import LIVEZ_PATH, POKE_PATH, READYZ_PATH
from botsession_contract.dual_stack import WILDCARDS, listen, plain_address
from botsession_contract.server_log import server_logger
from botsession_operator.core.session_key import Key, parse_key
from botsession_operator.poke_gate import TokenBuckets

#: Takes the address that a poke came from, and its session's key; None where no session can have the name.
Poke = Callable[[str, Key | None], object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ServerDeps:
    """The dependencies of the handlers."""

    poke: Poke
    is_ready: Callable[[], bool]
    registry: CollectorRegistry
    #: Limits the scrapes of each address, and lets one run at a time.
    scrape_budget: TokenBuckets[str]
    scrape_lock: asyncio.Lock
    #: For each format, when the last scrape began, and its text.
    scrape_cache: dict[str, tuple[float, bytes]] = field(default_factory=dict)


#: Scrapes of one address: far more than Prometheus makes, and too few to delay sessions.
SCRAPE_BURST: Final = 60
SCRAPES_PER_SECOND: Final = 4.0
MAX_SCRAPERS: Final = 1024
#: A request of any client of ours has a dozen headers; proxies add some.
MAX_HEADERS: Final = 64
#: From accept to the end of the answer, in seconds; a scrape takes seconds where there are many namespaces.
LIFETIME_SECONDS: Final = 30.0
#: What callers can cause: malformed HTTP, a body that cannot be decoded, a connection that they drop.
CLIENT_ERRORS: Final = (HttpProcessingError, web.RequestPayloadError, ConnectionResetError)
METRICS_PATH: Final = "/metrics"
OPENMETRICS: Final = "application/openmetrics-text"
DEPS = web.AppKey("deps", ServerDeps)


def create_app(poke: Poke, is_ready: Callable[[], bool], registry: CollectorRegistry) -> web.Application:
    """Return the application. `poke` marks a key dirty, `is_ready` returns whether the watches run."""
    app = web.Application(client_max_size=1024, middlewares=[one_request])
    scrape_budget = TokenBuckets[str](SCRAPE_BURST, SCRAPES_PER_SECOND, MAX_SCRAPERS, time.monotonic)
    app[DEPS] = ServerDeps(poke, is_ready, registry, scrape_budget, asyncio.Lock())
    app.router.add_get(LIVEZ_PATH, livez)
    app.router.add_get(READYZ_PATH, readyz)
    app.router.add_get(METRICS_PATH, metrics)
    app.router.add_post(POKE_PATH, poked)
    return app


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int, guard: ConnectionGuard) -> AsyncIterator[tuple[str, int]]:
    """Serve an application behind a guard of its connections; yield the address that it listens on."""
    runner = web.AppRunner(app, access_log=None, logger=server_logger(*CLIENT_ERRORS), max_headers=MAX_HEADERS)
    await runner.setup()
    assert runner.server  # noqa: S101  # what setup makes
    server = await _listening(guard.protect(runner.server), host, port)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        await runner.cleanup()


async def _listening(factory: Callable[[], asyncio.Protocol], host: str, port: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if host in WILDCARDS:
        return await loop.create_server(factory, sock=listen(host, port))
    return await loop.create_server(factory, host, port)


@web.middleware
async def one_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Close the connection after each answer: the guard would close it soon, maybe during the next request."""
    try:
        response = await handler(request)
    except web.HTTPException as exc:
        exc.force_close()
        raise
    response.force_close()
    return response


async def livez(_: web.Request) -> web.Response:
    """Answer with 200, which shows that the event loop runs."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Answer with 200 while the watches run, and with 503 before."""
    if not request.app[DEPS].is_ready():
        raise web.HTTPServiceUnavailable(text="the watches have not started\n")
    return web.Response(text="ok\n")


async def metrics(request: web.Request) -> web.Response:
    """Answer a scrape in the requested format: OpenMetrics, or Prometheus' text.

    With a hundred namespaces a scrape takes tenths of a second, so it runs in a thread, and one at a time: no session
    waits for it. Requests that wait share the first scrape that begins after them, so many requests cost two scrapes
    at most, even if their senders have gone.
    """
    deps, asked_at = request.app[DEPS], time.monotonic()
    if not deps.scrape_budget.take(plain_address(request.remote or "")):
        raise web.HTTPTooManyRequests(text="fewer scrapes, please\n")
    # Only the format of the header counts: the client library raises on a version that is no number.
    is_open = OPENMETRICS in request.headers.get("Accept", "")
    encode, content_type = choose_encoder(OPENMETRICS if is_open else "")
    async with deps.scrape_lock:
        began, text = deps.scrape_cache.get(content_type, (0.0, b""))
        if began <= asked_at:
            began = time.monotonic()
            text = await asyncio.to_thread(encode, deps.registry)
            deps.scrape_cache[content_type] = began, text
    return web.Response(body=text, headers={"Content-Type": content_type})


async def poked(request: web.Request) -> web.Response:
    """Pass a poke to the gate. Pokes need no authentication, since they carry no facts.

    The answer is always the same, so a caller does not learn which sessions exist.
    """
    key = parse_key(request.match_info["namespace"], request.match_info["name"])
    request.app[DEPS].poke(plain_address(request.remote or ""), key)
    return web.Response(status=202)
