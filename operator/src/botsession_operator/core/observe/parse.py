"""Parse raw API objects into the types that the core decides on.

Kubelets, schedulers, webhooks and everyone who may patch pods write to a pod's object. So `parse_pod` never raises.
"""

import functools
import ipaddress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from botsession_contract import report
from botsession_contract.bounded_json import clean_text
from botsession_contract.json_codec import PayloadError, decode, parse_time
from botsession_contract.lifecycle import FINISHED_PHASES, final_phase
from botsession_contract.names import BOT_CONTAINER
from botsession_operator.api.bounded_json import LARGEST_PART_BYTES, LEVELS, MAX_VALUES
from botsession_operator.api.reasons import UNSCHEDULABLE, ExternalReason
from botsession_operator.api.spec import Json, SpecError, parse_spec
from botsession_operator.api.status import Status
from botsession_operator.core.names import CALL_PORT_NAME, CONTROL_PORT_NAME, ENDED_SECONDS
from botsession_operator.core.observe.launch_digest import launch_digest
from botsession_operator.core.observe.observed import (
    Key,
    Pod,
    PodState,
    Session,
    SessionMetadata,
    Termination,
    WaitingReason,
)
from botsession_operator.core.observe.ownership import pod_owner
from botsession_operator.core.observe.untyped import mapping, mappings, moment, number, text, texts

MAX_PORT: Final = 65535
#: How many reports are kept as they were read: a pod that is over changes a few times before it is gone.
MAX_REPORTS: Final = 256
#: The longest message, in characters, whose report is kept. The kubelet cuts messages at 4 KiB; everyone who may patch
#: a pod's status can write one of a MiB.
MAX_KEPT_MESSAGE: Final = 16 * 1024
#: The message for a session whose spec or status `api/bounded_json.py` did not read.
TOO_LARGE_TO_READ: Final = (
    f"the session is nested deeper than {LEVELS} levels, or larger than {LARGEST_PART_BYTES // 1024} KiB or "
    f"{MAX_VALUES} values; "
    "delete it and create it with a smaller spec.bot.body and spec.podTemplate"
)
#: Phases of a pod in which no container runs any more.
_FINISHED_POD_PHASES = ("Succeeded", "Failed")
#: The kubelet's reasons for a container that is being created as it should be.
_NORMAL_WAITING_REASONS = ("ContainerCreating", "PodInitializing")
_NO_REASON: Final = ExternalReason("")
#: Conditions of a pod, by type and status.
_Conditions = dict[tuple[str, str], Json]
_SCHEDULED: Final = ("PodScheduled", "True")
_UNSCHEDULED: Final = ("PodScheduled", "False")
_PREPARED: Final = ("PodReadyToStartContainers", "True")
_DISRUPTED: Final = ("DisruptionTarget", "True")
#: Stands for a deletionTimestamp that cannot be parsed: someone has deleted the pod, and the kubelet is overdue.
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_metadata(raw: Json) -> SessionMetadata:
    """Return the metadata of a BotSession, whichever version of the CRD it was written for."""
    return SessionMetadata(**_metadata(raw))


def parse_session(raw: Json) -> Session:
    """Return a BotSession; raise SpecError if it does not fit this version of the CRD."""
    metadata = raw["metadata"]
    if raw["spec"] is None or raw.get("status", {}) is None:
        raise SpecError(TOO_LARGE_TO_READ)
    return Session(
        **_metadata(raw),
        generation=metadata.get("generation", 1),
        created_at=_created_at(metadata),
        spec=parse_spec(raw["spec"]),
        status=_status(mapping(raw.get("status"))),
        labels=metadata.get("labels", {}),
    )


def _created_at(metadata: Json) -> datetime:
    try:
        return parse_time(text(metadata.get("creationTimestamp")))
    except ValueError as exc:
        raise SpecError(f"metadata.creationTimestamp: {exc}") from exc


def _metadata(raw: Json) -> dict[str, Any]:
    metadata = raw["metadata"]
    return {
        "key": Key(metadata["namespace"], metadata["name"]),
        "uid": metadata["uid"],
        "resource_version": metadata["resourceVersion"],
        "is_deleting": "deletionTimestamp" in metadata,
        "finalizers": tuple(metadata.get("finalizers", ())),
    }


def _status(raw: Json) -> Status | None:
    """Return the recorded status; None for one without a generation, which is the CRD's default.

    A newer operator may have written the status before a roll-back. A finished session stays finished, whatever the
    newer operator called its phase.
    """
    try:
        status = decode(Status, raw) if raw.get("observedGeneration") else None
    except PayloadError as exc:
        raise SpecError(f"the status was written by an operator of another version: {exc}") from exc
    if status and status.finish and status.phase not in FINISHED_PHASES:
        return replace(status, phase=final_phase(status.finish.reason, status.finish.outcome))
    return status


def parse_pod(raw: Json) -> Pod:
    """Return a session's pod. A member that cannot be parsed counts as absent."""
    metadata, spec, status = mapping(raw.get("metadata")), mapping(raw.get("spec")), mapping(raw.get("status"))
    state = mapping(_bot_status(status).get("state"))
    terminated, conditions = mapping(state.get("terminated")), _conditions(status)
    return Pod(
        namespace=text(metadata.get("namespace")),
        name=text(metadata.get("name")),
        uid=text(metadata.get("uid")),
        resource_version=text(metadata.get("resourceVersion")),
        finalizers=texts(metadata.get("finalizers")),
        owner=pod_owner(metadata),
        created_at=moment(metadata.get("creationTimestamp")),
        state=_state(metadata, spec, status, state),
        deletion_requested_by=_deletion_requested_by(metadata),
        node_name=text(spec.get("nodeName")) or None,
        address=_address(status.get("podIP")),
        scheduled_at=moment(conditions.get(_SCHEDULED, {}).get("lastTransitionTime")),
        is_prepared=bool(conditions.get(_PREPARED)),
        started_at=_started_at(mapping(state.get("running")) or terminated),
        waiting_reason=_waiting_reason(status, state, conditions),
        termination=_termination(terminated) if "terminated" in state else None,
        failure=_failure(status, conditions),
        has_sidecars=_has_sidecars(spec, status),
        has_native_sidecars=any("running" in each for each in _init_states(status)),
        token_sha256=launch_digest(raw.get("spec")),
        host_port=host_port(spec),
        call_port=host_port(spec, CALL_PORT_NAME),
    )


def _deletion_requested_by(metadata: Json) -> datetime | None:
    if "deletionTimestamp" not in metadata:
        return None
    return moment(metadata["deletionTimestamp"]) or _LONG_AGO


def _address(raw: Any) -> str | None:
    """Return an IP address; None for a host name, which could send the operator's requests anywhere."""
    try:
        return str(ipaddress.ip_address(text(raw)))
    except ValueError:
        return None


def _bot_status(status: Json) -> Json:
    statuses = mappings(status.get("containerStatuses"))
    return next((each for each in statuses if each.get("name") == BOT_CONTAINER), {})


def _state(metadata: Json, spec: Json, status: Json, container: Json) -> PodState:
    if "terminated" in container or status.get("phase") in _FINISHED_POD_PHASES:
        return PodState.TERMINATED
    if "deletionTimestamp" in metadata and _is_abandoned(metadata, spec):
        return PodState.TERMINATED
    return PodState.RUNNING if "running" in container else PodState.WAITING


def _is_abandoned(metadata: Json, spec: Json) -> bool:
    """Return whether no kubelet will update a deleted pod again: it never had a node, or was deleted without grace."""
    return "nodeName" not in spec or metadata.get("deletionGracePeriodSeconds") == 0


def _init_states(status: Json) -> list[Json]:
    return [mapping(each.get("state")) for each in mappings(status.get("initContainerStatuses"))]


def _has_sidecars(spec: Json, status: Json) -> bool:
    if status.get("phase") in _FINISHED_POD_PHASES or spec.get("activeDeadlineSeconds") == ENDED_SECONDS:
        return False
    others = (each for each in mappings(status.get("containerStatuses")) if each.get("name") != BOT_CONTAINER)
    return any("terminated" not in mapping(each.get("state")) for each in others)


def _waiting_reason(status: Json, state: Json, conditions: _Conditions) -> WaitingReason | None:
    unscheduled = conditions.get(_UNSCHEDULED)
    if unscheduled:
        return _reason_and_message(unscheduled, UNSCHEDULABLE)
    for waiting in (mapping(each.get("waiting")) for each in (state, *_init_states(status))):
        if text(waiting.get("reason")) not in ("", *_NORMAL_WAITING_REASONS):
            return _reason_and_message(waiting)
    return None


def _failure(status: Json, conditions: _Conditions) -> WaitingReason | None:
    source = status if text(status.get("reason")) else conditions.get(_DISRUPTED)
    return _reason_and_message(source) if source else None


def _reason_and_message(source: Json, default: ExternalReason = _NO_REASON) -> WaitingReason:
    return WaitingReason(ExternalReason(text(source.get("reason"))) or default, text(source.get("message")).strip())


def _started_at(container: Json) -> datetime | None:
    """Return when the container started; None for the epoch, which stands for a command that could not be run."""
    started = moment(container.get("startedAt"))
    return started if started and started.timestamp() > 0 else None


def _termination(terminated: Json) -> Termination:
    message = text(terminated.get("message"))
    read = _report if len(message) <= MAX_KEPT_MESSAGE else _read_report
    exit_report, unreadable = read(message)
    return Termination(
        reason=text(terminated.get("reason")),
        exit_code=number(terminated.get("exitCode")),
        report=exit_report,
        message="" if exit_report else clean_text(message),
        unreadable=unreadable,
    )


def _read_report(message: str) -> tuple[report.ExitReport | None, str]:
    """Return the report, or why a message that looks like one cannot be read. A killed supervisor leaves neither."""
    try:
        return report.from_bytes(message), ""
    except PayloadError as exc:
        return None, clean_text(str(exc)) if message.lstrip().startswith("{") else ""


_report = functools.lru_cache(MAX_REPORTS)(_read_report)


def _conditions(status: Json) -> _Conditions:
    """Return the conditions of a pod by type and status; the first one, if several have the same."""
    conditions: _Conditions = {}
    for each in mappings(status.get("conditions")):
        conditions.setdefault((text(each.get("type")), text(each.get("status"))), each)
    return conditions


def host_port(pod_spec: Json, name: str = CONTROL_PORT_NAME) -> int | None:
    """Return a port of the bot on the node, from the pod's spec; None for a pod with its own network."""
    if pod_spec.get("hostNetwork") is not True:
        return None
    bots = (each for each in mappings(pod_spec.get("containers")) if each.get("name") == BOT_CONTAINER)
    ports = (port for each in bots for port in mappings(each.get("ports")) if port.get("name") == name)
    found = next((port.get("containerPort") for port in ports), None)
    return found if type(found) is int and 0 < found <= MAX_PORT else None
