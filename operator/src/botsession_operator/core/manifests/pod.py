"""Build the pod of a session: the operator's own fields, and the user's template merged over the rest."""

import json
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from botsession_contract.control import CONTROL_PORT, LIVEZ_PATH, POKE_PATH, READYZ_PATH
from botsession_contract.json_codec import encode
from botsession_contract.launch import LAUNCH_ENV, MAX_SESSION_SECONDS, RUNTIME_PATH, HeartbeatTarget, Launch
from botsession_contract.names import (
    BOT_CONTAINER,
    REPORT_FINALIZER,
    SESSION_LABEL,
    SESSION_UID_LABEL,
)
from botsession_contract.transports import LISTENING, URL_ENV, Transport
from botsession_operator.api.spec import Json, RuntimeSource, Spec, SpecError
from botsession_operator.api.spec_bounds import BODY_BYTES
from botsession_operator.core.decide import eviction
from botsession_operator.core.decide.host_network import NodePorts, has_host_network
from botsession_operator.core.decide.shutdown import longest_ladder, overrides_to_contract, to_contract
from botsession_operator.core.decide.supervisor_limits import session_limits
from botsession_operator.core.manifests.kubelet_expansion import literal, literal_env
from botsession_operator.core.manifests.secret_env import open_names, secret_names
from botsession_operator.core.manifests.security_context import copier_context, with_security_defaults
from botsession_operator.core.manifests.template_overlay import check_template, overlay
from botsession_operator.core.names import CALL_PORT_NAME, CONTROL_PORT_NAME, pod_name
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.observe.ownership import owner_reference

RUNTIME_VOLUME: Final = "botsession-runtime"
#: Where the runtime image keeps the packages that are mounted or copied to RUNTIME_PATH.
RUNTIME_IMAGE_FOLDER: Final = "botsession"
#: Beyond the ladder, for the stack dump and the report, before the kubelet kills the supervisor.
TERMINATION_SLACK_SECONDS: Final = 5
#: activeDeadlineSeconds counts from the pod's start and cannot be raised on a live pod, so it cannot enforce an
#: editable limit. It is the last line of defence: the longest duration plus the longest start and ladder that the CRD
#: allows.
LAST_LINE_SECONDS: Final = MAX_SESSION_SECONDS + 2 * 3600

#: Linux limits an environment variable to 128 KiB (MAX_ARG_STRLEN), and one variable carries the body.
LARGEST_LAUNCH_BYTES: Final = BODY_BYTES


class Injection(StrEnum):
    """How the runtime gets into an image that does not contain it."""

    IMAGE_VOLUME = "ImageVolume"  # mounted read-only; on by default since Kubernetes 1.35
    INIT_CONTAINER = "InitContainer"  # copied into an emptyDir first; costs about a second


@dataclass(frozen=True, slots=True)
class PodSettings:
    """The operator's configuration for all pods."""

    runtime_image: str
    injection: Injection
    #: Where supervisors reach the operator, without a trailing slash; None if they cannot.
    poke_base_url: str | None = None
    #: Where they send heartbeats, as `host:port` of UDP; None if they send none.
    heartbeat_address: str | None = None


def build_pod(
    session: Session,
    token_sha256: str,
    settings: PodSettings,
    url: str | None = None,
    node_ports: NodePorts | None = None,
) -> Json:
    """Return the manifest of a session's pod; raise SpecError if none can be built from the spec.

    `url` is the address for callers, which the bot gets as a variable. `node_ports` are the ports of a pod that uses
    its node's network.
    """
    template = session.spec.pod_template
    check_template(template)
    metadata = {
        "name": pod_name(session.key.name, session.uid),
        "namespace": session.key.namespace,
        "labels": {**template.labels, **_labels(session)},
        "annotations": {**eviction.annotations(session.spec.eviction), **template.annotations},
        "finalizers": [REPORT_FINALIZER],
        "ownerReferences": [owner_reference(session)],
    }
    launch = literal_env(LAUNCH_ENV, json.dumps(encode(_launch(session, token_sha256, settings, node_ports))))
    if len(launch["value"].encode()) > LARGEST_LAUNCH_BYTES:
        raise SpecError(
            f"spec.bot.body and spec.bot.command may take {LARGEST_LAUNCH_BYTES // 1024} KiB together as JSON"
        )
    pod_spec = _pod_spec(session.spec, launch, settings, node_ports.control if node_ports else CONTROL_PORT)
    base = overlay(pod_spec, _call_overlay(session.spec, url, node_ports))
    spec = with_security_defaults(overlay(base, template.spec.value), BOT_CONTAINER)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def termination_grace_seconds(spec: Spec) -> int:
    """Return the longest ladder's length in seconds, so that callers hear the farewell even when a node is drained."""
    return math.ceil(longest_ladder(spec.shutdown).total_seconds()) + TERMINATION_SLACK_SECONDS


def _labels(session: Session) -> dict[str, str]:
    ours = {SESSION_LABEL: session.key.name, SESSION_UID_LABEL: session.uid}
    return {**ours, "app.kubernetes.io/managed-by": "botsession"}


def _launch(session: Session, token_sha256: str, settings: PodSettings, node_ports: NodePorts | None) -> Launch:
    spec, key = session.spec, session.key
    poke_path = POKE_PATH.format(namespace=key.namespace, name=key.name)
    return Launch(
        namespace=key.namespace,
        name=key.name,
        token_sha256=token_sha256,
        target=spec.bot.target,
        command=spec.bot.command,
        python=spec.bot.python,
        body=spec.bot.body.value,
        transport=_transport(spec, node_ports),
        secret_env=secret_names(_environment(spec), spec.bot.env_from),
        open_env=open_names(_environment(spec), spec.bot.env_from),
        max_duration_seconds=spec.max_session_duration.total_seconds(),
        limits=session_limits(spec),
        termination_grace_seconds=float(termination_grace_seconds(spec)),
        shutdown=to_contract(spec.shutdown),
        overrides=overrides_to_contract(spec.shutdown),
        expose_port=spec.expose.port if spec.expose else None,
        start_timeout_seconds=spec.start_timeout.total_seconds(),
        poke_url=settings.poke_base_url + poke_path if settings.poke_base_url else None,
        heartbeat=HeartbeatTarget(settings.heartbeat_address) if settings.heartbeat_address else None,
        control_port=node_ports.control if node_ports else CONTROL_PORT,
        host_network=node_ports is not None,
    )


def _transport(spec: Spec, node_ports: NodePorts | None) -> Transport | None:
    transport = spec.bot.transport.launch if spec.bot.transport else None
    port = _call_port(spec, node_ports)
    return replace(transport, port=port) if transport and port else transport


def _environment(spec: Spec) -> list[Json]:
    return [*spec.bot.env, *(spec.bot.transport.secrets if spec.bot.transport else ())]


def _pod_spec(spec: Spec, launch: Json, settings: PodSettings, control_port: int) -> Json:
    base: Json = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": termination_grace_seconds(spec),
        "activeDeadlineSeconds": LAST_LINE_SECONDS,
        # A bot needs callers and AI services. It gets no access to the API server unless its user configures that.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [_bot_container(spec, launch, control_port)],
    }
    return base if spec.bot.runtime is RuntimeSource.BUNDLED else overlay(base, _injection(spec, settings))


def _bot_container(spec: Spec, launch: Json, control_port: int) -> Json:
    # A path instead of a module needs no PYTHONPATH, which would replace the image's own.
    injected = f"{RUNTIME_PATH}/botsession_runtime/__main__.py"
    # -P: the working directory may contain modules of the bot with the names of standard modules.
    supervisor = ["-P", "-m", "botsession_runtime"] if spec.bot.runtime is RuntimeSource.BUNDLED else [injected]
    return {
        "name": BOT_CONTAINER,
        "image": spec.bot.image,
        "command": [literal(spec.bot.python), *supervisor],
        "env": [*_environment(spec), launch],
        "envFrom": list(spec.bot.env_from),
        "resources": spec.bot.resources,
        "ports": [{"name": CONTROL_PORT_NAME, "containerPort": control_port}],
        # Pokes report changes first. The probes are a fallback and may be slow.
        "readinessProbe": _probe(READYZ_PATH, period_seconds=5, failures=1),
        "livenessProbe": _probe(LIVEZ_PATH, period_seconds=10, failures=6),
        "terminationMessagePolicy": "File",
    }


def _call_overlay(spec: Spec, url: str | None, node_ports: NodePorts | None) -> Json:
    number = _call_port(spec, node_ports)
    if number is None:
        return {}
    port = {"name": CALL_PORT_NAME, "containerPort": number}
    known = [literal_env(URL_ENV, url)] if url else []
    return {"containers": [{"name": BOT_CONTAINER, "ports": [port], "env": known}]}


def _call_port(spec: Spec, node_ports: NodePorts | None) -> int | None:
    """Return the port for callers. On a node's network, the scheduler must know it to keep other pods off that port."""
    if node_ports and node_ports.call:
        return node_ports.call
    if spec.expose:
        return spec.expose.port
    transport = spec.bot.transport
    listens = transport is not None and transport.launch.type in LISTENING
    return transport.launch.port if transport and listens and has_host_network(spec) else None


def _probe(path: str, *, period_seconds: int, failures: int) -> Json:
    return {
        "httpGet": {"path": path, "port": CONTROL_PORT_NAME},
        # A probe before the supervisor listens would only cause a warning Event.
        "initialDelaySeconds": 5,
        "periodSeconds": period_seconds,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _injection(spec: Spec, settings: PodSettings) -> Json:
    mount = {"name": RUNTIME_VOLUME, "mountPath": RUNTIME_PATH, "readOnly": True}
    if settings.injection is Injection.IMAGE_VOLUME:
        volume: Json = {"image": {"reference": settings.runtime_image, "pullPolicy": "IfNotPresent"}}
        mount["subPath"] = RUNTIME_IMAGE_FOLDER
        return {
            "volumes": [{"name": RUNTIME_VOLUME, **volume}],
            "containers": [{"name": BOT_CONTAINER, "volumeMounts": [mount]}],
        }
    copier = {
        "name": RUNTIME_VOLUME,
        "image": settings.runtime_image,
        # The runtime image's command copies to this path.
        "volumeMounts": [{"name": RUNTIME_VOLUME, "mountPath": "/target"}],
        "securityContext": copier_context(spec.pod_template.spec.value, BOT_CONTAINER),
        # The bot's own resources, so that the pod meets any quota that the bot meets, and requests no more than the
        # bot.
        "resources": spec.bot.resources,
    }
    return {
        "volumes": [{"name": RUNTIME_VOLUME, "emptyDir": {}}],
        "initContainers": [copier],
        "containers": [{"name": BOT_CONTAINER, "volumeMounts": [mount]}],
    }
