"""Listens for the caller of a bot, and stops when the conversation is over.

The paths are those of Pipecat's own runner: `/ws`, `/ws-client` and a telephone provider's webhook, or `/api/offer`.
Starlette, which FastAPI is made of, and uvicorn are the image's, as they are for that runner.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from botsession_contract.dual_stack import listen
from botsession_contract.transports import Transport, TransportType
from botsession_runtime import telephony, webrtc, websocket
from botsession_runtime.bot_errors import BotLoadError, require
from botsession_runtime.call_slot import CallSlot
from botsession_runtime.transports import LaunchConfig

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute

#: How long connections may take to close once the conversation is over, in whole seconds.
CLOSE_SECONDS: Final = 2


def check(config: LaunchConfig) -> None:
    """Raise BotLoadError if the image cannot listen; import what the first caller would wait for otherwise."""
    what = f"transport {_transport(config).type}"
    if _is_webrtc(config):
        require(what, "pipecat-ai[runner,webrtc]", "fastapi", "uvicorn", "aiortc")
        webrtc.check(config)
    else:
        require(what, "pipecat-ai[runner,websocket]", "fastapi", "uvicorn", "websockets")
        websocket.check(config)


@asynccontextmanager
async def listening(config: LaunchConfig) -> AsyncIterator[CallSlot]:
    """Listen while the context is open; yield the slot for the caller."""
    call_slot = CallSlot()
    with _socket(_transport(config)) as listener:
        endpoint = webrtc.WebRTCEndpoint(config, call_slot) if _is_webrtc(config) else None
        server = _server(_app(endpoint.routes() if endpoint else websocket.routes(config, call_slot)))
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="listening")
        serving.add_done_callback(lambda _: call_slot.caller.cancel())
        try:
            yield call_slot
        finally:
            call_slot.close()
            if endpoint:
                await endpoint.close()
            server.should_exit = True
            await serving


def _transport(config: LaunchConfig) -> Transport:
    if config.transport is None:
        raise BotLoadError("no transport to listen with")
    return config.transport


def _is_webrtc(config: LaunchConfig) -> bool:
    return _transport(config).type is TransportType.SMALLWEBRTC


def _socket(transport: Transport) -> socket.socket:
    try:
        return listen(transport.host, transport.port)
    except OSError as exc:
        raise BotLoadError(f"cannot listen on port {transport.port}: {os.strerror(exc.errno or 0)}") from exc


def _app(routes: "list[BaseRoute]") -> "Starlette":
    """Build the application. What a route in front of it leaves of the public path is taken as well."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.cors import CORSMiddleware
    from starlette.routing import Mount

    prefix = telephony.public_prefix()
    everywhere = [*routes, Mount(prefix, routes=routes)] if prefix else routes
    # Browsers load a client from somewhere else than its session, and so ask whether they may call it.
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    return Starlette(routes=everywhere, middleware=[cors])


def _server(app: "Starlette") -> "uvicorn.Server":
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves signals as they are: a SIGTERM before the pipeline runs is to end this process."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=CLOSE_SECONDS
    )
    return Server(config)
