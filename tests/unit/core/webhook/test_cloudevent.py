"""What a webhook is sent: CloudEvents that hold what is recorded, and nothing that the session was given."""

import json
from dataclasses import replace
from typing import Any

import pytest

from botsession_contract.lifecycle import Outcome, Phase, Reason, ReportedBy
from botsession_contract.report import DanglingTasks
from botsession_operator.api.status import Finish, Status
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.observe.webhook_delivery import EventType
from botsession_operator.core.webhook.cloudevent import cloud_event
from tests.builders import NOW, UID, ago, raw_spec, session, started, status

FINISHED = replace(
    started(),
    phase=Phase.SUCCEEDED,
    finished_at=NOW,
    duration="50s",
    client_connected_at=ago(45),
    finish=Finish(Reason.COMPLETED, Outcome.DRAINED, ReportedBy.RUNTIME, "EndFrame", "said goodbye", 0),
    dangling_tasks=DanglingTasks(2, ("a", "b")),
    result={"booked": True, "table": None},
)


def of(recorded: Status, **more: Any) -> Session:
    bot = raw_spec()["bot"] | {"body": {"pin": "0000"}, "env": [{"name": "A", "value": "hidden"}]}
    return replace(session(recorded, bot=bot), labels={"customer": "42"}, **more)


def test_a_finish() -> None:
    assert cloud_event(of(FINISHED), EventType.FINISHED, "//prod") == {
        "specversion": "1.0",
        "id": f"{UID}.finished",
        "source": "//prod",
        "type": "dev.botsession.session.finished",
        "subject": "bots/support-42",
        "time": "2026-01-31T12:00:00.000000Z",
        "datacontenttype": "application/json",
        "data": {
            "namespace": "bots",
            "name": "support-42",
            "uid": UID,
            "labels": {"customer": "42"},
            "createdAt": "2026-01-31T11:59:00.000000Z",
            "phase": "Succeeded",
            "reason": "Completed",
            "outcome": "Drained",
            "message": "said goodbye",
            "frame": "EndFrame",
            "exitCode": 0,
            "reportedBy": "Runtime",
            "startedAt": "2026-01-31T11:59:10.000000Z",
            "clientConnectedAt": "2026-01-31T11:59:15.000000Z",
            "finishedAt": "2026-01-31T12:00:00.000000Z",
            "duration": "50s",
            "danglingTasks": 2,
            "result": {"booked": True, "table": None},
        },
    }


def test_a_start_is_the_same_whenever_it_is_sent() -> None:
    expected = {
        "namespace": "bots",
        "name": "support-42",
        "uid": UID,
        "labels": {"customer": "42"},
        "createdAt": "2026-01-31T11:59:00.000000Z",
        "phase": "Running",
        "startedAt": "2026-01-31T11:59:10.000000Z",
    }
    for recorded in (started(), FINISHED):
        event = cloud_event(of(recorded), EventType.STARTED, "//prod")
        assert (event["type"], event["data"]) == ("dev.botsession.session.started", expected)
        assert (event["id"], event["time"]) == (f"{UID}.started", "2026-01-31T11:59:10.000000Z")


@pytest.mark.parametrize("event", EventType)
def test_nothing_that_the_session_was_given_is_sent(event: EventType) -> None:
    sent = json.dumps(cloud_event(of(FINISHED), event, "//prod"))
    assert "hidden" not in sent
    assert "0000" not in sent.replace(UID, "").replace("000000Z", "")


@pytest.mark.parametrize("result", [False, 0, "", []])
def test_a_result_that_is_nothing_much_is_sent_too(result: object) -> None:
    event = cloud_event(of(replace(FINISHED, result=result)), EventType.FINISHED, "//prod")
    assert event["data"]["result"] == result


def test_nothing_has_happened_in_a_session_without_a_status() -> None:
    with pytest.raises(ValueError, match="nothing has happened"):
        cloud_event(replace(of(status()), status=None), EventType.STARTED, "//prod")
