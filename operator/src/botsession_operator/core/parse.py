"""Read raw API objects into what the core decides on."""

from datetime import datetime
from typing import Any, Final

from botsession_contract import report
from botsession_contract.control import CONTROL_PORT
from botsession_contract.jsonform import PayloadError, decode, parse_time
from botsession_contract.names import BOT_CONTAINER
from botsession_operator.api.bounded_json import LARGEST_PART_BYTES, LEVELS
from botsession_operator.api.spec import Json, SpecError, parse_spec
from botsession_operator.api.status import Status
from botsession_operator.core.launch_digest import launch_digest
from botsession_operator.core.observe import Key, Pod, PodState, Session, SessionMetadata, Termination, Trouble
from botsession_operator.core.ownership import pod_owner
from botsession_operator.core.pods import ENDED_SECONDS

#: What the local backend puts on its pods, which share one address, so that their endpoints can be told apart.
CONTROL_PORT_ANNOTATION = "botsession.dev/control-port"
#: What is said of a session whose spec or status `api/bounded_json.py` did not read.
TOO_LARGE_TO_READ: Final = (
    f"the session is nested deeper than {LEVELS} levels or larger than {LARGEST_PART_BYTES // 1024} KiB; "
    "delete it and create it with a smaller spec.bot.body and spec.podTemplate"
)
#: Phases of a pod in which nothing runs any more.
_OVER = ("Succeeded", "Failed")
#: The kubelet's words for a container on its way.
_NO_TROUBLES = ("ContainerCreating", "PodInitializing")


def parse_metadata(raw: Json) -> SessionMetadata:
    """Read what every BotSession has, whatever version of the CRD it was written by."""
    return SessionMetadata(**_metadata(raw))


def parse_session(raw: Json) -> Session:
    """Read a BotSession; raise SpecError where it is not what the CRD promises, but of another version."""
    metadata = raw["metadata"]
    if raw["spec"] is None or raw.get("status", {}) is None:
        raise SpecError(TOO_LARGE_TO_READ)
    return Session(
        **_metadata(raw),
        generation=metadata.get("generation", 1),
        created_at=parse_time(metadata["creationTimestamp"]),
        spec=parse_spec(raw["spec"]),
        status=_status(raw.get("status", {})),
        labels=metadata.get("labels", {}),
    )


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
    """Read a recorded status; one that has seen no generation is the CRD's default, which nobody has written."""
    try:
        return decode(Status, raw) if raw.get("observedGeneration") else None
    except PayloadError as exc:
        raise SpecError(f"the status was written by an operator of another version: {exc}") from exc


def parse_pod(raw: Json) -> Pod:
    """Read a session's pod, and put it into its bucket."""
    metadata, status = raw["metadata"], raw.get("status", {})
    container = _bot_status(status)
    state = container.get("state", {})
    terminated = state.get("terminated")
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        finalizers=tuple(metadata.get("finalizers", ())),
        owner=pod_owner(metadata),
        state=_state(metadata, raw.get("spec", {}), status, state),
        deletion_requested_by=_time(metadata.get("deletionTimestamp")),
        node_name=raw.get("spec", {}).get("nodeName"),
        address=status.get("podIP"),
        control_port=int(metadata.get("annotations", {}).get(CONTROL_PORT_ANNOTATION, CONTROL_PORT)),
        scheduled_at=_time(_condition(status, "PodScheduled", "True").get("lastTransitionTime")),
        is_prepared=bool(_condition(status, "PodReadyToStartContainers", "True")),
        started_at=_started_at(state.get("running") or terminated or {}),
        trouble=_trouble(status, state),
        termination=_termination(terminated) if terminated else None,
        failure=_failure(status),
        has_sidecars=_has_sidecars(raw.get("spec", {}), status),
        has_native_sidecars=any("running" in each for each in _init_states(status)),
        token_sha256=launch_digest(raw.get("spec")),
    )


def _bot_status(status: Json) -> Json:
    statuses = status.get("containerStatuses", ())
    return next((each for each in statuses if each["name"] == BOT_CONTAINER), {})


def _state(metadata: Json, spec: Json, status: Json, container: Json) -> PodState:
    if "terminated" in container or status.get("phase") in _OVER:
        return PodState.TERMINATED
    if "deletionTimestamp" in metadata and _is_abandoned(metadata, spec):
        return PodState.TERMINATED
    return PodState.RUNNING if "running" in container else PodState.WAITING


def _is_abandoned(metadata: Json, spec: Json) -> bool:
    """Tell whether no kubelet will touch a deleted pod again: none ever had it, or it was deleted without grace."""
    return "nodeName" not in spec or metadata.get("deletionGracePeriodSeconds") == 0


def _init_states(status: Json) -> list[Json]:
    return [each.get("state", {}) for each in status.get("initContainerStatuses", ())]


def _has_sidecars(spec: Json, status: Json) -> bool:
    if status.get("phase") in _OVER or spec.get("activeDeadlineSeconds") == ENDED_SECONDS:
        return False
    others = (each for each in status.get("containerStatuses", ()) if each["name"] != BOT_CONTAINER)
    return any("terminated" not in each.get("state", {}) for each in others)


def _trouble(status: Json, state: Json) -> Trouble | None:
    unscheduled = _condition(status, "PodScheduled", "False")
    if unscheduled:
        return Trouble(unscheduled.get("reason", "Unschedulable"), unscheduled.get("message", ""))
    for waiting in (each.get("waiting") for each in (state, *_init_states(status))):
        if waiting and waiting.get("reason") not in (None, *_NO_TROUBLES):
            return Trouble(waiting["reason"], waiting.get("message", ""))
    return None


def _failure(status: Json) -> Trouble | None:
    disrupted = _condition(status, "DisruptionTarget", "True")
    said = status if status.get("reason") else disrupted
    return Trouble(said.get("reason", ""), said.get("message", "")) if said else None


def _started_at(container: Json) -> datetime | None:
    """Give when the container started; the epoch stands for one whose command could not be run at all."""
    started = _time(container.get("startedAt"))
    return started if started and started.timestamp() > 0 else None


def _termination(terminated: Json) -> Termination:
    message = terminated.get("message", "")
    left = _report(message)
    return Termination(
        reason=terminated.get("reason", ""),
        exit_code=terminated.get("exitCode"),
        report=left,
        message="" if left else message,
    )


def _report(message: str) -> report.ExitReport | None:
    try:
        return report.from_bytes(message)
    except PayloadError:
        return None  # the supervisor was killed before it could write one, or never ran


def _condition(status: Json, kind: str, value: str) -> Json:
    found = (each for each in status.get("conditions", ()) if each["type"] == kind and each["status"] == value)
    return next(found, {})


def _time(text: Any) -> datetime | None:
    return parse_time(text) if text else None
