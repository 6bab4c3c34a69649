"""Builds a bot's runner arguments as Pipecat's own runner would, for each kind of transport.

The types are Pipecat's; one that this version does not have, or that lacks a field, is a sentence for the bot's author.
"""

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from botsession_contract.transports import ICE_CREDENTIAL_ENV, LISTENING, TOKEN_ENV, Transport, TransportType
from botsession_runtime.bot_errors import BotLoadError, module, pipecat_release

PLAIN: Final = "RunnerArguments"
#: The type of each kind's runner arguments. What listens has an object of a connection besides.
TYPES: Final = {
    TransportType.DAILY: "DailyRunnerArguments",
    TransportType.LIVEKIT: "LiveKitRunnerArguments",
    TransportType.VONAGE: "VonageRunnerArguments",
    TransportType.WEBSOCKET: "WebSocketRunnerArguments",
    TransportType.SMALLWEBRTC: "SmallWebRTCRunnerArguments",
}


@dataclass(frozen=True, slots=True)
class LaunchConfig:
    """The launcher's configuration, from the supervisor."""

    session: str
    body: Any
    #: Pipecat's own idle timeout, in seconds; None leaves it as it is.
    idle: float | None
    transport: Transport | None
    #: Out of Secrets: they came in the environment, and the bot finds them in its arguments only.
    token: str | None = field(repr=False)
    ice_credentials: tuple[str | None, ...] = field(default=(), repr=False)

    @property
    def listens(self) -> bool:
        """Whether the bot is run when a caller comes, rather than at once."""
        return self.transport is not None and self.transport.type in LISTENING

    def arguments(self, **connection: Any) -> Any:
        """Return the runner arguments; `connection` is what only a caller's connection provides."""
        own = {"body": {} if self.body is None else self.body, **_fields(self.transport, self.token), **connection}
        known = _check(self._kind, own.keys())
        arguments = _type(self._kind)(**own, **({"session_id": self.session} if "session_id" in known else {}))
        arguments.handle_sigint = False
        arguments.handle_sigterm = False
        if self.idle is not None:
            # A bot that follows the convention hands it to its worker; 0 switches Pipecat's timer off, as ours.
            arguments.pipeline_idle_timeout_secs = self.idle
        return arguments

    def check(self, *connection: str) -> None:
        """Raise BotLoadError if this Pipecat lacks the kind of arguments, before a caller connects."""
        _check(self._kind, {"body", *_fields(self.transport, self.token), *connection})

    @property
    def _kind(self) -> str:
        return TYPES[self.transport.type] if self.transport else PLAIN


def read_launch_config(raw_config: dict[str, Any]) -> LaunchConfig:
    """Return the launcher's configuration, and remove the secrets from the environment."""
    transport = _read_transport(raw_config["transport"]) if raw_config.get("transport") else None
    count = len(transport.ice_servers) if transport else 0
    credentials = [os.environ.pop(ICE_CREDENTIAL_ENV.format(index=index), None) for index in range(count)]
    token = os.environ.pop(TOKEN_ENV, None)
    return LaunchConfig(
        raw_config["session"], raw_config["body"], raw_config.get("idle"), transport, token, tuple(credentials)
    )


def _read_transport(raw_transport: dict[str, Any]) -> Transport:
    from botsession_contract.json_codec import (
        decode,
    )  # its imports take time, and a bot without a transport has no use for them

    return decode(Transport, raw_transport)


def _fields(transport: Transport | None, token: str | None) -> dict[str, Any]:
    if transport is None or transport.type in LISTENING:
        return {}
    if transport.type is TransportType.DAILY:
        return {"room_url": transport.room_url, "token": token}
    if transport.type is TransportType.LIVEKIT:
        return {"room_name": transport.room_name, "url": transport.url, "token": token}
    session = {"application_id": transport.application_id, "vonage_session_id": transport.vonage_session_id}
    return {**session, "token": token}


def _check(kind: str, wanted: Iterable[str]) -> set[str]:
    """Return the fields of a type of arguments, which must have those that are wanted."""
    known = {field.name for field in dataclasses.fields(_type(kind))}
    if missing := sorted(set(wanted) - known):
        raise BotLoadError(f"{pipecat_release()}: its {kind} has no {' and no '.join(missing)}; use a newer Pipecat")
    return known


def _type(kind: str) -> Any:
    # Older versions can import the module only with the extra `runner`, which is worth a sentence of its own.
    cls = getattr(module("pipecat.runner.types"), kind, None)
    if cls is None:
        raise BotLoadError(f"{pipecat_release()} has no {kind}, which spec.bot.transport needs; use a newer Pipecat")
    return cls
