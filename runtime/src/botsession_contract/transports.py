"""How callers and bot meet: what a launch says of it, and where secrets and addresses are found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: The launcher's default port; the same as that of Pipecat's own runner.
CALL_PORT: Final = 7860
#: Environment variable with the token of the room that the bot joins, out of a Secret.
TOKEN_ENV: Final = "BOTSESSION_TOKEN"  # noqa: S105  # its name, not a token
#: …and with the credential of an ICE server, by its place in the list.
ICE_CREDENTIAL_ENV: Final = "BOTSESSION_ICE_CREDENTIAL_{index}"
#: Environment variable with the address at which callers reach an exposed session.
URL_ENV: Final = "BOTSESSION_URL"


class TransportType(StrEnum):
    """What kind of runner arguments a bot is given."""

    DAILY = "daily"  # the bot joins a Daily room
    LIVEKIT = "livekit"  # the bot joins a LiveKit room
    VONAGE = "vonage"  # the bot joins a Vonage Video session
    WEBSOCKET = "websocket"  # the launcher listens, and gives the bot the first WebSocket that is opened
    SMALLWEBRTC = "smallwebrtc"  # the launcher listens, and gives the bot the first WebRTC connection that is offered


#: Those whose pipeline starts when a caller comes.
LISTENING: Final = frozenset({TransportType.WEBSOCKET, TransportType.SMALLWEBRTC})


class TelephonyProvider(StrEnum):
    """Who puts telephone calls through to a WebSocket, in the words of Pipecat's own runner."""

    TWILIO = "twilio"
    TELNYX = "telnyx"
    PLIVO = "plivo"
    EXOTEL = "exotel"


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server; its credential is in the environment, as ICE_CREDENTIAL_ENV."""

    urls: tuple[str, ...]
    username: str | None = None


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport with the fields of its runner arguments; the token is in the environment, as TOKEN_ENV."""

    type: TransportType
    room_url: str | None = None
    room_name: str | None = None
    url: str | None = None
    application_id: str | None = None
    vonage_session_id: str | None = None
    #: None: the WebSocket is a client's own, not a telephone's.
    provider: TelephonyProvider | None = None
    ice_servers: tuple[IceServer, ...] = ()
    #: Where the launcher listens, for those that listen. A wildcard stands for all addresses, IPv6 too.
    host: str = "0.0.0.0"  # noqa: S104  # a pod's address is not known before it runs
    port: int = CALL_PORT
