"""The operator's configuration: one frozen object, which only `__main__` reads from environment variables."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from string import Template

from botsession_operator.api.spec import Json
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.decide.host_network import CONTROL_PORTS
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.manifests.pod import Injection
from botsession_operator.core.manifests.service_and_route import CLUSTER_URL, ROUTE_KINDS, VARIABLES, Exposure
from botsession_operator.core.observe.webhook_delivery import EventType
from botsession_operator.core.shards import Shard
from botsession_operator.core.webhook.signing import SigningError, signing_secrets
from botsession_operator.log import LogFormat

LARGEST_PORT = 65535
#: Lower ports need a capability that the supervisor does not have.
SMALLEST_HOST_PORT = 1024


class SettingsError(ValueError):
    """An environment variable is invalid or missing; the message names it."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The webhook's receiver, and the events that it gets."""

    #: BOTSESSION_WEBHOOK_URL.
    url: str
    #: BOTSESSION_WEBHOOK_SECRET_FILE: signs messages. It is read for each message, so that it may be replaced.
    secret_file: Path
    #: BOTSESSION_WEBHOOK_EVENTS, comma separated.
    events: frozenset[EventType]
    #: BOTSESSION_WEBHOOK_SOURCE: the `source` of each event, which tells a receiver the cluster.
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, which the chart provides as environment variables."""

    #: From BOTSESSION_CONTROL_KEY_FILE, and BOTSESSION_PREVIOUS_CONTROL_KEY_FILES, comma separated: session tokens are
    #: derived from them. A key can end all sessions that started with it.
    control_keys: ControlKeys
    #: BOTSESSION_RUNTIME_IMAGE: the image with the runtime that is injected into bot images.
    runtime_image: str
    #: BOTSESSION_INJECTION: ImageVolume, InitContainer; None (Auto) chooses by the server's version.
    injection: Injection | None = None
    #: BOTSESSION_LISTEN: address and port of the probes and the poke endpoint. A wildcard stands for all addresses,
    #: IPv6 too.
    host: str = "0.0.0.0"  # noqa: S104  # a pod's address is not known before it runs
    port: int = 8475
    #: BOTSESSION_POKE_BASE_URL: where supervisors reach that endpoint. Without it the operator learns of changes by its
    #: watches and by requeues only.
    poke_base_url: str | None = None
    #: BOTSESSION_HEARTBEAT_ADDRESS: where supervisors send heartbeats, as host and UDP port. The operator receives them
    #: at the same port. Without it supervisors send none, and the operator asks each one twice a minute.
    heartbeat_address: str | None = None
    #: BOTSESSION_WATCH_NAMESPACES, comma separated; empty watches all.
    namespaces: tuple[str, ...] = ()
    #: BOTSESSION_WORKERS: passes at once. A pass mostly waits for the API server, so more than the CPUs make sense.
    workers: int = 16
    #: BOTSESSION_LOG_FORMAT: json or console, and BOTSESSION_LOG_LEVEL.
    log_format: LogFormat = LogFormat.JSON
    log_level: str = "info"
    #: KUBECONFIG, outside a cluster.
    kubeconfig: Path | None = None
    #: HOSTNAME: the `reportingInstance` of Events.
    identity: str = "botsession-operator"
    timeouts: ControllerTimeouts = field(default_factory=ControllerTimeouts)
    #: None: no webhook.
    webhook: WebhookSettings | None = None
    #: BOTSESSION_DEPLOYMENT, as namespace/name or namespace/name,name: the operators' own, which `uninstall` stops.
    deployments: tuple[tuple[str, str], ...] = ()
    #: BOTSESSION_LEASE, as namespace/name: the Lease whose holder leads; None for an operator without other replicas.
    #: With several shards, the name of each shard's Lease begins with it.
    lease: tuple[str, str] | None = None
    #: BOTSESSION_SHARD, as index/count: which namespaces are this operator's.
    shard: Shard = field(default_factory=Shard)
    #: BOTSESSION_POD_NAME: the operator's own pod, in the Lease's namespace. It is the holder's name, and gets a label
    #: while it leads. None outside a cluster.
    pod_name: str | None = None
    #: BOTSESSION_FINALIZER_POLICY: the MutatingAdmissionPolicyBinding that `uninstall` deletes, so that no new session
    #: gets our finalizer; None where there is none.
    finalizer_policy: str | None = None
    #: BOTSESSION_EXPOSE_URL and BOTSESSION_EXPOSE_ROUTE (JSON): templates for URL and route of exposed sessions.
    exposure: Exposure = field(default_factory=Exposure)
    #: BOTSESSION_HOST_NETWORK_PORTS, as first-last: the supervisors' ports for sessions with `hostNetwork`. The
    #: operator sends requests to no other port of a node.
    host_ports: range = CONTROL_PORTS
    #: Set by the command `uninstall`: every session has to end.
    is_uninstalling: bool = False
    #: BOTSESSION_UNINSTALL_TIMEOUT_SECONDS: how long `uninstall` waits for sessions to end; less than Helm's 5 minutes.
    uninstall_timeout: timedelta = timedelta(seconds=240)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings; raise SettingsError where a variable is invalid or missing."""
    host, _, port = environ.get("BOTSESSION_LISTEN", "0.0.0.0:8475").rpartition(":")
    if not port.isdecimal() or int(port) > LARGEST_PORT:
        raise SettingsError("BOTSESSION_LISTEN must be an address and a port, for example 0.0.0.0:8475")
    namespaces = environ.get("BOTSESSION_WATCH_NAMESPACES", "").split(",")
    return Settings(
        control_keys=_control_keys(environ),
        runtime_image=_required(environ, "BOTSESSION_RUNTIME_IMAGE"),
        injection=_injection(environ.get("BOTSESSION_INJECTION", "Auto")),
        host=host.strip("[]"),  # IPv6 addresses are written [::]:8475
        port=int(port),
        poke_base_url=environ.get("BOTSESSION_POKE_BASE_URL") or None,
        heartbeat_address=_heartbeat_address(environ.get("BOTSESSION_HEARTBEAT_ADDRESS", "")),
        namespaces=tuple(name.strip() for name in namespaces if name.strip()),
        workers=_workers(environ.get("BOTSESSION_WORKERS", "16")),
        log_format=LogFormat(_choice(environ, "BOTSESSION_LOG_FORMAT", tuple(LogFormat))),
        log_level=_choice(environ, "BOTSESSION_LOG_LEVEL", ("info", "debug", "warning", "error")),
        kubeconfig=Path(environ["KUBECONFIG"]) if environ.get("KUBECONFIG") else None,
        timeouts=ControllerTimeouts(webhook_patience=_seconds(environ, "BOTSESSION_WEBHOOK_PATIENCE_SECONDS", "3600")),
        webhook=_webhook(environ) if environ.get("BOTSESSION_WEBHOOK_URL") else None,
        identity=environ.get("HOSTNAME", "botsession-operator"),
        finalizer_policy=environ.get("BOTSESSION_FINALIZER_POLICY") or None,
        deployments=_deployments(environ),
        lease=_namespaced(environ, "BOTSESSION_LEASE"),
        shard=_shard(environ),
        pod_name=environ.get("BOTSESSION_POD_NAME") or None,
        exposure=_exposure(environ),
        host_ports=_ports(environ.get("BOTSESSION_HOST_NETWORK_PORTS", "")),
        uninstall_timeout=_seconds(environ, "BOTSESSION_UNINSTALL_TIMEOUT_SECONDS", "240"),
    )


def log_format_of(environ: Mapping[str, str]) -> LogFormat:
    """Return the log's format, even where other settings are invalid."""
    return LogFormat.CONSOLE if environ.get("BOTSESSION_LOG_FORMAT") == LogFormat.CONSOLE else LogFormat.JSON


def check_signing(settings: Settings) -> None:
    """Raise SettingsError where webhook messages cannot be signed, so that an installation fails at once.

    `uninstall` does not call this, since it must work with a broken secret too.
    """
    if settings.webhook is None:
        return
    path = settings.webhook.secret_file
    try:
        signing_secrets(_read("BOTSESSION_WEBHOOK_SECRET_FILE", path).decode(errors="replace"))
    except SigningError as exc:
        raise SettingsError(f"BOTSESSION_WEBHOOK_SECRET_FILE: {path} {exc}") from None


def _required(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise SettingsError(f"{name} must be set; the Helm chart does")
    return environ[name]


def _control_keys(environ: Mapping[str, str]) -> ControlKeys:
    current = _control_key("BOTSESSION_CONTROL_KEY_FILE", _required(environ, "BOTSESSION_CONTROL_KEY_FILE"))
    name = "BOTSESSION_PREVIOUS_CONTROL_KEY_FILES"
    previous = (path.strip() for path in environ.get(name, "").split(","))
    return ControlKeys(current, tuple(_control_key(name, path) for path in previous if path))


def _control_key(name: str, path: str) -> bytes:
    key = _read(name, Path(path)).strip()
    if len(key) < 32:  # HMAC-SHA256's key should be as long as its output (RFC 2104)
        raise SettingsError(f"{name}: {path} must hold at least 32 bytes")
    return key


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise SettingsError(f"{name}: {path} cannot be read: {exc.strerror}") from exc


def _webhook(environ: Mapping[str, str]) -> WebhookSettings:
    url = environ["BOTSESSION_WEBHOOK_URL"]
    if not re.fullmatch(r"https?://[^\s/]+\S*", url):
        raise SettingsError("BOTSESSION_WEBHOOK_URL must be a URL, for example https://example.com/botsessions")
    return WebhookSettings(
        url=url,
        secret_file=Path(_required(environ, "BOTSESSION_WEBHOOK_SECRET_FILE")),
        events=_events(environ.get("BOTSESSION_WEBHOOK_EVENTS", ",".join(EventType))),
        source=environ.get("BOTSESSION_WEBHOOK_SOURCE") or "botsession-operator",
    )


def _events(text: str) -> frozenset[EventType]:
    try:
        events = frozenset(EventType(name.strip()) for name in text.split(",") if name.strip())
    except ValueError as exc:
        raise SettingsError(f"BOTSESSION_WEBHOOK_EVENTS may have {' and '.join(EventType)}: {exc}") from None
    if not events:
        raise SettingsError("BOTSESSION_WEBHOOK_EVENTS must name an event, or nothing would ever be sent")
    return events


def _injection(text: str) -> Injection | None:
    if text == "Auto":
        return None
    try:
        return Injection(text)
    except ValueError:
        raise SettingsError(f"BOTSESSION_INJECTION must be Auto, {' or '.join(Injection)}, not {text!r}") from None


def _exposure(environ: Mapping[str, str]) -> Exposure:
    url = environ.get("BOTSESSION_EXPOSE_URL") or CLUSTER_URL
    route = environ.get("BOTSESSION_EXPOSE_ROUTE", "")
    for name, template in (("BOTSESSION_EXPOSE_URL", url), ("BOTSESSION_EXPOSE_ROUTE", route)):
        if unknown := sorted(set(Template(template).get_identifiers()) - set(VARIABLES)):
            raise SettingsError(f"{name}: ${{{unknown[0]}}} is not known; known are {', '.join(VARIABLES)}")
    return Exposure(url, _route(route) if route else None)


def _route(text: str) -> Json:
    try:
        route = json.loads(text)
    except ValueError as exc:
        raise SettingsError(f"BOTSESSION_EXPOSE_ROUTE is not JSON: {exc}") from exc
    if not isinstance(route, dict) or route.get("kind") not in ROUTE_KINDS or not route.get("apiVersion"):
        raise SettingsError(f"BOTSESSION_EXPOSE_ROUTE must be a manifest of kind {' or '.join(ROUTE_KINDS)}")
    return route


def _ports(text: str) -> range:
    first, _, last = text.partition("-")
    if not text:
        return CONTROL_PORTS
    if not (first.isdecimal() and last.isdecimal() and SMALLEST_HOST_PORT <= int(first) <= int(last) <= LARGEST_PORT):
        raise SettingsError(
            "BOTSESSION_HOST_NETWORK_PORTS must be the first and the last of ports between 1024 and 65535, "
            "for example 20000-29999"
        )
    return range(int(first), int(last) + 1)


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = environ.get(name, choices[0])
    if value not in choices:
        raise SettingsError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def _heartbeat_address(text: str) -> str | None:
    host, _, port = text.rpartition(":")
    if text and not (host and port.isdecimal() and 0 < int(port) <= LARGEST_PORT):
        raise SettingsError(
            "BOTSESSION_HEARTBEAT_ADDRESS must be a host and a port, for example "
            "botsession-operator.botsession-system.svc:8476"
        )
    return text or None


def _workers(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError("BOTSESSION_WORKERS must be a whole number, at least 1")
    return int(text)


def _namespaced(environ: Mapping[str, str], variable: str) -> tuple[str, str] | None:
    text = environ.get(variable, "")
    namespace, _, name = text.partition("/")
    if text and not (namespace and name):
        raise SettingsError(f"{variable} must be a namespace and a name, for example botsession-system/operator")
    return (namespace, name) if text else None


def _deployments(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    found = _namespaced(environ, "BOTSESSION_DEPLOYMENT")
    return tuple((found[0], name) for name in found[1].split(",")) if found else ()


def _shard(environ: Mapping[str, str]) -> Shard:
    index, _, count = environ.get("BOTSESSION_SHARD", "0/1").partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise SettingsError("BOTSESSION_SHARD must be an index from 0 and the number of shards, for example 0/2")
    shard = Shard(int(index), int(count))
    if shard.count > 1 and not environ.get("BOTSESSION_LEASE"):
        raise SettingsError("BOTSESSION_SHARD needs BOTSESSION_LEASE, by which shards see each other")
    return shard


def _seconds(environ: Mapping[str, str], name: str, default: str) -> timedelta:
    text = environ.get(name, default)
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} must be a whole number of seconds, at least 1")
    return timedelta(seconds=int(text))
