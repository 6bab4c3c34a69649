"""Hands the first offered WebRTC connection to the bot. Media flows directly between client and bot.

POST /api/offer    an offer, which is answered
PATCH /api/offer   more of the client's addresses
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from botsession_runtime.bot_errors import module
from botsession_runtime.call_slot import TAKEN_MESSAGE, CallSlot
from botsession_runtime.transports import LaunchConfig

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

HANDLER: Final = "pipecat.transports.smallwebrtc.request_handler"
CONNECTION: Final = "pipecat.transports.smallwebrtc.connection"
OFFER_PATH: Final = "/api/offer"


def check(config: LaunchConfig) -> None:
    """Raise BotLoadError if this Pipecat cannot answer an offer."""
    import uvicorn  # noqa: F401  # so that no caller waits for it

    module(HANDLER)
    config.check("webrtc_connection")


class WebRTCEndpoint:
    """The one peer connection of a session. Only its client may send another offer, say from another network."""

    def __init__(self, config: LaunchConfig, call_slot: CallSlot) -> None:
        self._config = config
        self._call_slot = call_slot
        self._pipecat = module(HANDLER)
        self._handler = self._pipecat.SmallWebRTCRequestHandler(ice_servers=ice_servers(config) or None)
        self._peer: str | None = None

    def routes(self) -> "list[BaseRoute]":
        """Return the paths to be served."""
        from starlette.routing import Route

        return [
            Route(OFFER_PATH, self._handle_offer, methods=["POST"]),
            Route(OFFER_PATH, self._handle_candidates, methods=["PATCH"]),
        ]

    async def close(self) -> None:
        """Close the connections that the bot has not closed."""
        await self._handler.close()

    async def _handle_offer(self, request: "Request") -> "Response":
        from starlette.responses import JSONResponse

        offer = await _read(request, self._pipecat.SmallWebRTCRequest.from_dict)
        if self._call_slot.is_taken:
            return await self._handle_renegotiation(offer)
        with self._call_slot.reserve():
            answer = await self._handler.handle_web_request(offer, self._accept_callback(offer))
        self._peer = answer["pc_id"]
        return JSONResponse(answer)

    async def _handle_renegotiation(self, offer: Any) -> "Response":
        from starlette.responses import JSONResponse, PlainTextResponse

        if offer.pc_id is None or offer.pc_id != self._peer:
            return PlainTextResponse(TAKEN_MESSAGE, 409)
        return JSONResponse(await self._handler.handle_web_request(offer, self._accept_callback(offer)))

    async def _handle_candidates(self, request: "Request") -> "Response":
        from starlette.responses import JSONResponse

        await self._handler.handle_patch_request(await _read(request, self._candidates))
        return JSONResponse({"status": "success"})

    def _candidates(self, data: dict[str, Any]) -> Any:
        found = [self._pipecat.IceCandidate(**each) for each in data["candidates"]]
        return self._pipecat.SmallWebRTCPatchRequest(data["pc_id"], found)

    def _accept_callback(self, offer: Any) -> Callable[[Any], Awaitable[None]]:
        async def accept(connection: Any) -> None:
            # A session that was given no body takes the client's, as Pipecat's own runner does.
            own = {} if self._config.body is not None else {"body": offer.request_data}
            self._call_slot.accept(self._config.arguments(webrtc_connection=connection, **own))

        return accept


def ice_servers(config: LaunchConfig) -> list[Any]:
    """Return the STUN and TURN servers in Pipecat's form."""
    servers = config.transport.ice_servers if config.transport else ()
    known = zip(servers, config.ice_credentials, strict=True)
    make = module(CONNECTION).IceServer
    return [make(urls=list(each.urls), username=each.username, credential=credential) for each, credential in known]


async def _read(request: "Request", build: Callable[[dict[str, Any]], Any]) -> Any:
    from starlette.exceptions import HTTPException

    try:
        return build(await request.json())
    except (ValueError, TypeError, KeyError) as exc:
        raise HTTPException(422, f"the request cannot be read: {exc}") from exc
