"""Build `spec.bot.transport` and `spec.expose` from options.

Invalid combinations raise CliError before a request is sent, with the names of the options. A test compares the checks
with the CRD's rules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botsession_contract.transports import LISTENING, TelephonyProvider, TransportType
from botsession_operator.api.spec import ExposeProtocol
from botsession_operator.cli.cli_error import CliError, Exit

Json = dict[str, Any]
#: The default key in a room's Secret.
TOKEN_KEY: Final = "token"  # noqa: S105  # its name, not a token
#: For each option, the transports that it is allowed with.
ALLOWED_WITH: Final = {
    "room_url": (TransportType.DAILY,),
    "url": (TransportType.LIVEKIT,),
    "room_name": (TransportType.LIVEKIT,),
    "application_id": (TransportType.VONAGE,),
    "vonage_session_id": (TransportType.VONAGE,),
    "token_secret": (TransportType.DAILY, TransportType.LIVEKIT, TransportType.VONAGE),
    "provider": (TransportType.WEBSOCKET,),
    "ice_server": (TransportType.SMALLWEBRTC,),
}
#: For each transport, the options that it requires.
REQUIRED: Final[dict[TransportType, tuple[str, ...]]] = {
    TransportType.DAILY: ("room_url",),
    TransportType.LIVEKIT: ("url", "room_name", "token_secret"),
    TransportType.VONAGE: ("application_id", "vonage_session_id", "token_secret"),
}


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """The options of `botsession start` about the transport and `spec.expose`."""

    transport: TransportType | None = None
    room_url: str | None = None
    url: str | None = None
    room_name: str | None = None
    application_id: str | None = None
    vonage_session_id: str | None = None
    #: SECRET, or SECRET/KEY.
    token_secret: str | None = None
    provider: TelephonyProvider | None = None
    ice_server: tuple[str, ...] = ()
    expose: bool = False
    port: int | None = None
    protocol: ExposeProtocol | None = None
    path: str | None = None


NO_TRANSPORT: Final = TransportOptions()


def transport(options: TransportOptions) -> Json | None:
    """Return `spec.bot.transport`; raise CliError where its options do not fit together."""
    for name in _names_of_given(options, ALLOWED_WITH):
        if options.transport not in ALLOWED_WITH[name]:
            raise CliError(Exit.REFUSED, f"{flag(name)} belongs to --transport {_joined(ALLOWED_WITH[name], 'or')}")
    if options.transport is None:
        return None
    if missing := [flag(name) for name in REQUIRED.get(options.transport, ()) if not getattr(options, name)]:
        raise CliError(Exit.REFUSED, f"--transport {options.transport} needs {_joined(missing, 'and')} too")
    return without_empty(
        type=str(options.transport),
        roomUrl=options.room_url,
        url=options.url,
        roomName=options.room_name,
        applicationId=options.application_id,
        vonageSessionId=options.vonage_session_id,
        token=_token(options.token_secret),
        provider=options.provider and str(options.provider),
        iceServers=[{"urls": [url]} for url in options.ice_server],
    )


def expose(options: TransportOptions) -> Json | None:
    """Return `spec.expose`; raise CliError where its options do not fit together."""
    given = list(_names_of_given(options, ("port", "protocol", "path")))
    if given and not options.expose:
        raise CliError(Exit.REFUSED, f"{flag(given[0])} belongs to --expose")
    if not options.expose:
        return None
    if options.transport in LISTENING and given not in ([], ["port"]):
        raise CliError(Exit.REFUSED, f"leave out {flag(given[-1])}, which follows from --transport {options.transport}")
    return without_empty(port=options.port, protocol=options.protocol and str(options.protocol), path=options.path)


def without_empty(**members: Any) -> Json:
    """Return the members that were given."""
    return {key: value for key, value in members.items() if value not in (None, [])}


def flag(name: str) -> str:
    """Return the option of a member."""
    return f"--{name.replace('_', '-')}"


def _names_of_given(options: TransportOptions, names: Sequence[str] | dict[str, Any]) -> Iterator[str]:
    return (name for name in names if getattr(options, name))


def _token(named: str | None) -> Json | None:
    if named is None:
        return None
    name, slash, key = named.partition("/")
    if not name or (slash and not key):
        raise CliError(Exit.REFUSED, f"--token-secret {named} is not SECRET or SECRET/KEY")
    return {"secretKeyRef": {"name": name, "key": key or TOKEN_KEY}}


def _joined(names: Sequence[str], last: str) -> str:
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
