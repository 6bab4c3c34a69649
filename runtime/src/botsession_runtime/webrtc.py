"""Gives the bot the first WebRTC connection that is offered; its media flows between client and bot directly.

POST /api/offer    an offer, which is answered
PATCH /api/offer   more of the client's addresses
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from botsession_runtime.bot_errors import module
from botsession_runtime.call_slot import TAKEN, CallSlot
from botsession_runtime.transports import LaunchConfig

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

HANDLER: Final = "pipecat.transports.smallwebrtc.request_handler"
CONNECTION: Final = "pipecat.transports.smallwebrtc.connection"
OFFER_PATH: Final = "/api/offer"


def check(orders: LaunchConfig) -> None:
    """Refuse a Pipecat that cannot answer an offer."""
    import uvicorn  # noqa: F401  # so that no caller waits for it

    module(HANDLER)
    orders.check("webrtc_connection")


class Line:
    """The one peer connection of a session. Its client may offer anew, from another network say; nobody else may."""

    def __init__(self, orders: LaunchConfig, reception: CallSlot) -> None:
        self._orders = orders
        self._reception = reception
        self._pipecat = module(HANDLER)
        self._handler = self._pipecat.SmallWebRTCRequestHandler(ice_servers=ice_servers(orders) or None)
        self._peer: str | None = None

    def routes(self) -> "list[BaseRoute]":
        """Return the paths to be served."""
        from starlette.routing import Route

        return [
            Route(OFFER_PATH, self._offered, methods=["POST"]),
            Route(OFFER_PATH, self._located, methods=["PATCH"]),
        ]

    async def hang_up(self) -> None:
        """Close what the bot has not closed."""
        await self._handler.close()

    async def _offered(self, request: "Request") -> "Response":
        from starlette.responses import JSONResponse

        wanted = await _read(request, self._pipecat.SmallWebRTCRequest.from_dict)
        if self._reception.is_taken:
            return await self._offered_again(wanted)
        with self._reception.reserve():
            answer = await self._handler.handle_web_request(wanted, self._put_through(wanted))
        self._peer = answer["pc_id"]
        return JSONResponse(answer)

    async def _offered_again(self, wanted: Any) -> "Response":
        from starlette.responses import JSONResponse, PlainTextResponse

        if wanted.pc_id is None or wanted.pc_id != self._peer:
            return PlainTextResponse(TAKEN, 409)
        return JSONResponse(await self._handler.handle_web_request(wanted, self._put_through(wanted)))

    async def _located(self, request: "Request") -> "Response":
        from starlette.responses import JSONResponse

        await self._handler.handle_patch_request(await _read(request, self._candidates))
        return JSONResponse({"status": "success"})

    def _candidates(self, data: dict[str, Any]) -> Any:
        found = [self._pipecat.IceCandidate(**each) for each in data["candidates"]]
        return self._pipecat.SmallWebRTCPatchRequest(data["pc_id"], found)

    def _put_through(self, wanted: Any) -> Callable[[Any], Awaitable[None]]:
        async def accept(connection: Any) -> None:
            # A session that was given no body takes the client's, as Pipecat's own runner does.
            own = {} if self._orders.body is not None else {"body": wanted.request_data}
            self._reception.accept(self._orders.arguments(webrtc_connection=connection, **own))

        return accept


def ice_servers(orders: LaunchConfig) -> list[Any]:
    """Return the STUN and TURN servers in Pipecat's form."""
    servers = orders.transport.ice_servers if orders.transport else ()
    known = zip(servers, orders.ice_credentials, strict=True)
    make = module(CONNECTION).IceServer
    return [make(urls=list(each.urls), username=each.username, credential=credential) for each, credential in known]


async def _read(request: "Request", build: Callable[[dict[str, Any]], Any]) -> Any:
    from starlette.exceptions import HTTPException

    try:
        return build(await request.json())
    except (ValueError, TypeError, KeyError) as exc:
        raise HTTPException(422, f"the request cannot be read: {exc}") from exc
