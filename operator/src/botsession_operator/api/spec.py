"""The spec of a BotSession, parsed.

The CRD (`crds/botsession.yaml`) describes each field for users, sets the defaults and refuses invalid values. A test
compares its names with those here. This module parses specs that the API server has defaulted, so each field with a
default is present.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from botsession_contract.json_codec import decode
from botsession_contract.lifecycle import Cause, Mode
from botsession_contract.transports import ICE_CREDENTIAL_ENV, TOKEN_ENV, Transport
from botsession_operator.api.duration import parse_duration

Json = dict[str, Any]


class SpecError(ValueError):
    """The spec is invalid, and its user must change it. The message is a sentence for them."""


class RuntimeSource(StrEnum):
    """Where the supervisor in the bot's container comes from."""

    INJECTED = "Injected"  # mounted or copied in by the operator; nothing is added to the image
    BUNDLED = "Bundled"  # the image contains botsession-operator[runtime]


class EndNow(StrEnum):
    """`spec.end`: whether a user has asked the session to end."""

    NO = ""  # the session goes on
    GRACEFUL = "Graceful"  # end it with an EndFrame
    IMMEDIATE = "Immediate"  # end it with a CancelFrame


class PodRetention(StrEnum):
    """`spec.podRetention`: whether the finished pod stays."""

    NEVER = "Never"  # it is deleted once its report is copied
    ON_FAILURE = "OnFailure"  # it stays if the session failed
    ALWAYS = "Always"  # it stays until its session is deleted


class EvictionPolicy(StrEnum):
    """`spec.eviction`: whether the session's pod may be evicted, for example when its node is drained."""

    ALLOW = "Allow"  # at any time: the caller hears the farewell first
    WHEN_IDLE = "WhenIdle"  # while no caller is in the call
    NEVER = "Never"  # not before the session ends


class ExposeProtocol(StrEnum):
    """`spec.expose.protocol`: what callers speak."""

    WEBSOCKET = "WebSocket"  # a WebSocket, opened at the address
    HTTP = "HTTP"  # requests below the address


@dataclass(frozen=True, slots=True)
class CompactJson:
    """A JSON value as text.

    The CRD allows any JSON here, of which Python's objects take up to twenty times as much memory. The operator keeps
    all sessions in memory, and reads this value when it creates the pod.
    """

    text: str

    @classmethod
    def of(cls, value: Any) -> "CompactJson":
        """Return the text of a value."""
        return cls(json.dumps(value, separators=(",", ":")))

    @property
    def value(self) -> Any:
        """Return the value, a new one each time."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class BotTransport:
    """`spec.bot.transport`: the part for the launch document, and the secrets, which reach the bot as variables."""

    launch: Transport
    #: Environment variables, in a container's form.
    secrets: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Expose:
    """`spec.expose`: how callers reach the bot. None: as its transport says."""

    port: int
    protocol: ExposeProtocol | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Bot:
    """`spec.bot`: what runs."""

    image: str
    target: str | None
    command: tuple[str, ...]
    body: CompactJson
    #: None: the bot creates its own.
    transport: BotTransport | None
    env: tuple[Json, ...]
    env_from: tuple[Json, ...]
    resources: Json
    python: str
    runtime: RuntimeSource


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """`spec.podTemplate`: what is merged over the pod that the operator builds."""

    labels: dict[str, str]
    annotations: dict[str, str]
    spec: CompactJson


@dataclass(frozen=True, slots=True)
class IdlePrompt:
    """`spec.idle.prompt`: what the bot asks a quiet caller."""

    after: timedelta
    text: str


@dataclass(frozen=True, slots=True)
class Idle:
    """`spec.idle`: when a session counts as idle."""

    frames: tuple[str, ...]
    prompt: IdlePrompt | None


@dataclass(frozen=True, slots=True)
class Override:
    """One of `spec.shutdown.overrides`: what differs for a cause. None: as in the shutdown."""

    mode: Mode | None = None
    grace_period: timedelta | None = None
    cancel_period: timedelta | None = None
    farewell: str | None = None


@dataclass(frozen=True, slots=True)
class Shutdown:
    """`spec.shutdown`: how the operator ends the session. `core/decide/shutdown.py` resolves it for a cause."""

    mode: Mode
    grace_period: timedelta
    cancel_period: timedelta
    farewell: str
    overrides: dict[Cause, Override]


@dataclass(frozen=True, slots=True)
class Spec:
    """`spec`, with durations parsed."""

    bot: Bot
    pod_template: PodTemplate
    max_session_duration: timedelta
    #: None: the bot's own setting applies. Zero: idle detection is off.
    idle_timeout: timedelta | None
    idle: Idle
    start_timeout: timedelta
    join_timeout: timedelta
    #: None: a bot may be silent for as long as the other limits allow.
    first_sound_timeout: timedelta | None
    shutdown: Shutdown
    #: None: the operator creates no Service.
    expose: Expose | None
    end: EndNow
    eviction: EvictionPolicy
    #: None: the object is kept.
    ttl_after_finished: timedelta | None
    pod_retention: PodRetention


def parse_spec(raw: Json) -> Spec:
    """Return the spec that the CRD has defaulted and checked; raise SpecError if it does not fit this version."""
    try:
        return Spec(
            bot=_bot(raw["bot"]),
            pod_template=_pod_template(raw.get("podTemplate", {})),
            max_session_duration=parse_duration(raw["maxSessionDuration"]),
            idle_timeout=parse_duration(raw["idleTimeout"]) if "idleTimeout" in raw else None,
            idle=_idle(raw.get("idle", {})),
            start_timeout=parse_duration(raw["startTimeout"]),
            join_timeout=parse_duration(raw["joinTimeout"]),
            first_sound_timeout=parse_duration(raw["firstSoundTimeout"]) if "firstSoundTimeout" in raw else None,
            shutdown=_shutdown(raw["shutdown"]),
            expose=_expose(raw["expose"]) if "expose" in raw else None,
            end=EndNow(raw["end"]),
            eviction=EvictionPolicy(raw["eviction"]),
            ttl_after_finished=_ttl(raw["ttlAfterFinished"]),
            pod_retention=PodRetention(raw["podRetention"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as exc:
        detail = f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)
        raise SpecError(f"the spec does not fit the BotSession v1alpha1 that this operator knows: {detail}") from exc


def _bot(raw: Json) -> Bot:
    return Bot(
        image=raw["image"],
        target=raw.get("target"),
        command=tuple(raw.get("command", ())),
        body=CompactJson.of(raw.get("body")),
        transport=_transport(raw.get("transport", {"type": "none"})),
        env=tuple(raw.get("env", ())),
        env_from=tuple(raw.get("envFrom", ())),
        resources=raw.get("resources", {}),
        python=raw["python"],
        runtime=RuntimeSource(raw["runtime"]),
    )


def _transport(raw: Json) -> BotTransport | None:
    if raw["type"] == "none":
        return None
    servers = raw.get("iceServers", ())
    credentials = {ICE_CREDENTIAL_ENV.format(index=n): each.get("credential") for n, each in enumerate(servers)}
    sources = {TOKEN_ENV: raw.get("token"), **credentials}
    secrets = tuple({"name": name, "valueFrom": source} for name, source in sources.items() if source)
    return BotTransport(decode(Transport, raw), secrets)


def _expose(raw: Json) -> Expose:
    protocol = ExposeProtocol(raw["protocol"]) if "protocol" in raw else None
    return Expose(raw["port"], protocol, raw.get("path"))


def _pod_template(raw: Json) -> PodTemplate:
    metadata = raw.get("metadata", {})
    return PodTemplate(metadata.get("labels", {}), metadata.get("annotations", {}), CompactJson.of(raw.get("spec", {})))


def _idle(raw: Json) -> Idle:
    prompt = raw.get("prompt")
    return Idle(
        frames=tuple(raw.get("frames", ())),
        prompt=IdlePrompt(parse_duration(prompt["after"]), prompt["text"]) if prompt else None,
    )


def _shutdown(raw: Json) -> Shutdown:
    return Shutdown(
        mode=Mode(raw["mode"]),
        grace_period=parse_duration(raw["gracePeriod"]),
        cancel_period=parse_duration(raw["cancelPeriod"]),
        farewell=raw["farewell"],
        overrides={_cause(name): _override(item) for name, item in raw.get("overrides", {}).items()},
    )


def _cause(name: str) -> Cause:
    """Return the cause for the name of a field: `maxDuration`."""
    return Cause(name[:1].upper() + name[1:])


def _override(raw: Json) -> Override:
    return Override(
        mode=Mode(raw["mode"]) if "mode" in raw else None,
        grace_period=parse_duration(raw["gracePeriod"]) if "gracePeriod" in raw else None,
        cancel_period=parse_duration(raw["cancelPeriod"]) if "cancelPeriod" in raw else None,
        farewell=raw.get("farewell"),
    )


def _ttl(text: str) -> timedelta | None:
    return None if text == "never" else parse_duration(text)
