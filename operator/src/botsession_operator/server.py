"""The operator's own endpoint: probes, the pokes of supervisors, and metrics."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from botsession_contract.control import LIVEZ_PATH, POKE_PATH, READYZ_PATH
from botsession_operator.core.key import Key, parse_key

Poke = Callable[[Key], None]


@dataclass(frozen=True, slots=True)
class ServerDeps:
    """What the handlers need."""

    poke: Poke
    is_ready: Callable[[], bool]
    registry: CollectorRegistry


METRICS_PATH: Final = "/metrics"
DEPS = web.AppKey("deps", ServerDeps)


def create_app(poke: Poke, is_ready: Callable[[], bool], registry: CollectorRegistry) -> web.Application:
    """Build the application; `poke` marks a key dirty, `is_ready` tells whether the watches run."""
    app = web.Application(client_max_size=1024)
    app[DEPS] = ServerDeps(poke, is_ready, registry)
    app.router.add_get(LIVEZ_PATH, livez)
    app.router.add_get(READYZ_PATH, readyz)
    app.router.add_get(METRICS_PATH, metrics)
    app.router.add_post(POKE_PATH, poked)
    return app


async def livez(_: web.Request) -> web.Response:
    """Answer: that this runs shows that the event loop does."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Answer whether sessions are being looked after."""
    if not request.app[DEPS].is_ready():
        raise web.HTTPServiceUnavailable(text="the watches have not started\n")
    return web.Response(text="ok\n")


async def metrics(request: web.Request) -> web.Response:
    """Answer a scrape, in the format that it asks for: OpenMetrics, or Prometheus' text.

    In a thread: with a hundred namespaces it takes tenths of a second, and no session's end shall wait for them.
    """
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    text = await asyncio.to_thread(encode, request.app[DEPS].registry)
    return web.Response(body=text, headers={"Content-Type": content_type})


async def poked(request: web.Request) -> web.Response:
    """Mark the session dirty. Needs no trust, since it carries no facts; a key that is dirty already costs nothing.

    The answer is always the same: a caller does not learn which sessions exist.
    """
    key = parse_key(request.match_info["namespace"], request.match_info["name"])
    if key:
        request.app[DEPS].poke(key)
    return web.Response(status=202)
