"""Tells a telephone provider where to connect a call, as Pipecat's own runner does, but with this session's address."""

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from botsession_contract.transports import URL_ENV, TelephonyProvider
from botsession_runtime.call_slot import TAKEN_MESSAGE, CallSlot

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

PATH: Final = "/ws"
#: What each provider takes for an answer; Exotel has no webhook.
ANSWERS: Final = {
    TelephonyProvider.TWILIO: '<Connect>\n    <Stream url="{url}"></Stream>\n  </Connect>',
    TelephonyProvider.TELNYX: '<Connect>\n    <Stream url="{url}" bidirectionalMode="rtp"></Stream>\n  </Connect>',
    TelephonyProvider.PLIVO: (
        '<Stream bidirectional="true" keepCallAlive="true" contentType="audio/x-mulaw;rate=8000">{url}</Stream>'
    ),
}
DOCUMENT: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<Response>\n  {answer}\n</Response>\n'
NO_WEBHOOK: Final = "Exotel has no webhook: write websocket_url into its Voicebot applet"


def public_prefix() -> str:
    """Return what stands before our paths in the session's address."""
    return urlsplit(os.environ.get(URL_ENV, "")).path.removesuffix(PATH).rstrip("/")


def stream_url(host: str) -> str:
    """Return the address for the provider's WebSocket; where it is not public, the one that the provider asked."""
    url = os.environ.get(URL_ENV, "")
    return url if url.startswith("wss://") else f"wss://{host}{PATH}"


def webhook(provider: TelephonyProvider, call_slot: CallSlot) -> "BaseRoute":
    """Return the route by which the provider asks what to do with a call."""
    from starlette.routing import Route

    async def answer(request: "Request") -> "Response":
        return _answer(provider, call_slot, request.headers.get("host", ""))

    return Route("/", answer, methods=["POST"])


def _answer(provider: TelephonyProvider, call_slot: CallSlot, host: str) -> "Response":
    from starlette.responses import JSONResponse, PlainTextResponse, Response

    if call_slot.is_taken:
        return PlainTextResponse(TAKEN_MESSAGE, 409)
    url = stream_url(host)
    if provider is TelephonyProvider.EXOTEL:
        return JSONResponse({"error": NO_WEBHOOK, "websocket_url": url})
    return Response(DOCUMENT.format(answer=ANSWERS[provider].format(url=url)), media_type="application/xml")
