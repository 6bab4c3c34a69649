"""Build the Service, the route and the URL by which callers reach a session.

The operator's configuration may contain a template for a route into the cluster, for example an Ingress. The names of
both objects follow from the session.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Template
from typing import Any, Final

from botsession_contract.names import SESSION_LABEL, SESSION_UID_LABEL
from botsession_contract.transports import TransportType
from botsession_operator.api.spec import Expose, ExposeProtocol, Json
from botsession_operator.core.decide.host_network import has_host_network
from botsession_operator.core.names import CALL_PORT_NAME, pod_name
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.observe.ownership import owner_reference

#: Variables in the templates of the operator's configuration, as ${name}.
VARIABLES: Final = ("name", "namespace", "service", "port", "scheme", "path")
CLUSTER_URL: Final = "${scheme}://${service}.${namespace}.svc:${port}${path}"
#: Kinds that a route may have. The chart gives the operator rights to no others.
ROUTE_KINDS: Final = ("Ingress", "HTTPRoute")
#: A port's appProtocol, which proxies read, and the scheme of the URL.
APP_PROTOCOLS: Final = {ExposeProtocol.WEBSOCKET: "kubernetes.io/ws", ExposeProtocol.HTTP: "http"}
SCHEMES: Final = {ExposeProtocol.WEBSOCKET: "ws", ExposeProtocol.HTTP: "http"}
#: Protocol and path of the transports that listen.
TRANSPORT_DEFAULTS: Final = {
    TransportType.WEBSOCKET: (ExposeProtocol.WEBSOCKET, "/ws"),
    TransportType.SMALLWEBRTC: (ExposeProtocol.HTTP, ""),
}


@dataclass(frozen=True, slots=True)
class Exposure:
    """The operator's configuration of how callers reach sessions."""

    #: A template of `status.url`.
    url: str = CLUSTER_URL
    #: A template of an object that leads callers into the cluster, for example an Ingress; None: no object.
    route: Json | None = None


def url(session: Session, exposure: Exposure) -> str | None:
    """Return the address at which callers reach the session; None without spec.expose."""
    expose = session.spec.expose
    return Template(exposure.url).safe_substitute(_variables(session, expose)) if expose else None


def manifests(session: Session, exposure: Exposure) -> tuple[Json, ...]:
    """Return the session's objects. The Service is last, so if it exists, all of them exist."""
    expose = session.spec.expose
    if expose is None:
        return ()
    return (*_routes(session, expose, exposure.route), build_service(session, expose))


def build_service(session: Session, expose: Expose) -> Json:
    """Return the Service."""
    # On a node's network, the pod's spec says which number the port has.
    target = CALL_PORT_NAME if has_host_network(session.spec) else expose.port
    port = {"name": CALL_PORT_NAME, "port": expose.port, "targetPort": target}
    spec = {
        "selector": {SESSION_LABEL: session.key.name, SESSION_UID_LABEL: session.uid},
        "ports": [{**port, "appProtocol": APP_PROTOCOLS[_protocol(session, expose)]}],
        # The bot listens before the status has its address, but the kubelet's next readiness probe may come seconds
        # later.
        "publishNotReadyAddresses": True,
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(session), "spec": spec}


def service_name(session: Session) -> str:
    """Return the Service's name, a DNS label that begins with a letter."""
    label = pod_name(session.key.name, session.uid).replace(".", "-")
    return label if label[0].isalpha() else f"s-{label}"


def _routes(session: Session, expose: Expose, template: Json | None) -> Iterator[Json]:
    if template is not None:
        route = _substituted(template, _variables(session, expose))
        metadata = _metadata(session)
        template_metadata = route.get("metadata", {})
        labels = {**template_metadata.get("labels", {}), **metadata["labels"]}
        yield {**route, "metadata": {**template_metadata, **metadata, "labels": labels}}


def _substituted(template: Any, variables: dict[str, str]) -> Any:
    """Return a manifest with variables substituted in all strings; a string that is only the port becomes a number."""
    if isinstance(template, dict):
        return {key: _substituted(value, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [_substituted(value, variables) for value in template]
    if template == "${port}":
        return int(variables["port"])
    return Template(template).safe_substitute(variables) if isinstance(template, str) else template


def _variables(session: Session, expose: Expose) -> dict[str, str]:
    values = (
        session.key.name,
        session.key.namespace,
        service_name(session),
        str(expose.port),
        SCHEMES[_protocol(session, expose)],
        _path(session, expose),
    )
    return dict(zip(VARIABLES, values, strict=True))


def _protocol(session: Session, expose: Expose) -> ExposeProtocol:
    default, _ = _transport_defaults(session)
    return default or expose.protocol or ExposeProtocol.HTTP


def _path(session: Session, expose: Expose) -> str:
    _, default = _transport_defaults(session)
    return expose.path or "" if default is None else default


def _transport_defaults(session: Session) -> tuple[ExposeProtocol | None, str | None]:
    transport = session.spec.bot.transport
    return TRANSPORT_DEFAULTS.get(transport.launch.type, (None, None)) if transport else (None, None)


def _metadata(session: Session) -> Json:
    return {
        "name": service_name(session),
        "namespace": session.key.namespace,
        "labels": {SESSION_LABEL: session.key.name, "app.kubernetes.io/managed-by": "botsession"},
        "ownerReferences": [owner_reference(session)],
    }
