"""Hands the first opened WebSocket to the bot.

/ws          a telephone provider's, where the session has one, else a client's
/ws-client   a client's
POST /       the provider's question what to do with a call
"""

from typing import TYPE_CHECKING, Final

from botsession_runtime import telephony
from botsession_runtime.call_slot import TAKEN_MESSAGE, CallSlot
from botsession_runtime.transports import LaunchConfig

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

#: "Try again later", for servers that cannot answer a WebSocket with HTTP 409.
TRY_AGAIN_LATER: Final = 1013
#: What Pipecat calls a WebSocket that is no telephone's.
CLIENT: Final = "websocket"


def check(config: LaunchConfig) -> None:
    """Raise BotLoadError if this Pipecat cannot take a WebSocket."""
    import starlette.websockets  # noqa: F401  # so that no caller waits for it
    import uvicorn  # noqa: F401  # as above

    config.check("websocket", "transport_type")


def routes(config: LaunchConfig, call_slot: CallSlot) -> "list[BaseRoute]":
    """Return the paths to be served."""
    from starlette.routing import WebSocketRoute

    provider = config.transport.provider if config.transport else None

    async def own(websocket: "WebSocket") -> None:
        # Without a kind, Pipecat detects the provider from its first messages.
        await _answer(websocket, None if provider else CLIENT, config, call_slot)

    async def client(websocket: "WebSocket") -> None:
        await _answer(websocket, CLIENT, config, call_slot)

    webhook = [telephony.webhook(provider, call_slot)] if provider else []
    return [WebSocketRoute(telephony.PATH, own), WebSocketRoute("/ws-client", client), *webhook]


async def _answer(websocket: "WebSocket", kind: str | None, config: LaunchConfig, call_slot: CallSlot) -> None:
    if call_slot.is_taken:
        await _refuse(websocket)
        return
    with call_slot.reserve():
        await websocket.accept()
    call_slot.accept(config.arguments(websocket=websocket, transport_type=kind))
    await call_slot.until_over()


async def _refuse(websocket: "WebSocket") -> None:
    from starlette.responses import PlainTextResponse

    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(PlainTextResponse(TAKEN_MESSAGE, 409))
    else:
        await websocket.close(TRY_AGAIN_LATER, TAKEN_MESSAGE)
