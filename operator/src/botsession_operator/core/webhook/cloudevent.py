"""Build the events for a webhook: CloudEvents 1.0 in structured JSON form."""

from datetime import datetime
from typing import Any, Final

from botsession_contract.json_codec import encode
from botsession_contract.lifecycle import Phase
from botsession_contract.names import GROUP
from botsession_operator.api.spec import Json
from botsession_operator.api.status import Finish, Status
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.observe.webhook_delivery import EventType

#: The media type of an event as one JSON document (CloudEvents' structured mode).
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
TYPE_PREFIX: Final = ".".join((*reversed(GROUP.split(".")), "session"))


def event_id(session: Session, event: EventType) -> str:
    """Return the ID of an event. Each retry, by any operator, uses the same one."""
    return f"{session.uid}.{event}"


def cloud_event(session: Session, event: EventType, source: str) -> Json:
    """Return an event. It depends on recorded data only, so each retry is equal, and holds nothing from the spec."""
    status = session.status
    if status is None:
        raise ValueError(f"{session.key} has no status, so nothing has happened in it")
    is_start = event is EventType.STARTED
    return {
        "specversion": "1.0",
        "id": event_id(session, event),
        "source": source,
        "type": f"{TYPE_PREFIX}.{event}",
        "subject": str(session.key),
        "time": _formatted(status.started_at if is_start else status.finished_at),
        "datacontenttype": "application/json",
        "data": _without_nulls(
            {**_session_data(session), **(_start_data(status) if is_start else _finish_data(status, status.finish))}
        ),
    }


def _session_data(session: Session) -> Json:
    key = session.key
    created = _formatted(session.created_at)
    return {
        "namespace": key.namespace,
        "name": key.name,
        "uid": session.uid,
        "labels": session.labels,
        "createdAt": created,
    }


def _start_data(status: Status) -> Json:
    return {"phase": Phase.RUNNING.value, "startedAt": _formatted(status.started_at)}


def _finish_data(status: Status, finish: Finish | None) -> Json:
    status_json = encode(status)
    time_fields = ("startedAt", "clientConnectedAt", "clientDisconnectedAt", "endingAt", "finishedAt", "duration")
    finish_fields = ("reason", "outcome", "message", "frame", "exitCode", "stuckAt", "reportedBy")
    finish_json = encode(finish) if finish else {}
    return {
        "phase": status.phase.value,
        **{name: finish_json.get(name) for name in finish_fields},
        **{name: status_json.get(name) for name in time_fields},
        "danglingTasks": status.dangling_tasks.count if status.dangling_tasks else None,
        "result": status.result,
    }


def _formatted(moment: datetime | None) -> str | None:
    return encode(moment) if moment else None


def _without_nulls(members: dict[str, Any]) -> Json:
    return {name: value for name, value in members.items() if value is not None}
