"""Rule: what an uninstallation waits for."""

from typing import Any

import pytest

from botsession_contract.json_codec import encode
from botsession_contract.lifecycle import Phase
from botsession_contract.names import REPORT_FINALIZER, SESSION_FINALIZER
from botsession_operator.api.spec import Json
from botsession_operator.core.decide.uninstall import RemainingWork, remaining_work
from botsession_operator.core.observe.webhook_delivery import EventType
from tests.builders import raw_session, status

HELD = {"finalizers": [SESSION_FINALIZER]}
DELETED = {"deletionTimestamp": "2026-01-31T12:00:30Z"}
SESSION = ("session bots/support-42",)


def recorded(phase: str, **metadata: Any) -> Json:
    return {**raw_session(**metadata), "status": {**encode(status()), "phase": phase}}


def unreadable(**metadata: Any) -> Json:
    return {**raw_session(**metadata), "status": {**encode(status()), "startedAt": "0001-01-01T00:00:00Z"}}


@pytest.mark.parametrize(
    ("seen", "is_waited_for"),
    [
        pytest.param(raw_session(), True, id="new"),
        pytest.param(recorded(Phase.ENDING, **HELD), True, id="ending"),
        pytest.param(recorded(Phase.SUCCEEDED, **HELD), False, id="over"),
        pytest.param(recorded(Phase.FAILED, **HELD, **DELETED), True, id="over, and being deleted"),
        pytest.param(recorded(Phase.FAILED, finalizers=["x"], **DELETED), False, id="over, and held by others"),
        pytest.param(recorded("Paused", **HELD), True, id="in a phase of another version"),
        pytest.param(unreadable(**HELD), True, id="of another version"),
        pytest.param(unreadable(), False, id="of another version, and let go"),
    ],
)
def test_sessions_that_are_waited_for(seen: Json, is_waited_for: bool) -> None:
    assert remaining_work([seen], []) == RemainingWork(to_end=SESSION if is_waited_for else ())


@pytest.mark.parametrize(
    ("webhook", "events", "is_waited_for"),
    [
        pytest.param({"finished": "Pending"}, EventType, True, id="its receiver has not heard of it"),
        pytest.param({"started": "Pending", "finished": "Gone"}, EventType, True, id="nor of its start"),
        pytest.param({"started": "GaveUp", "finished": "Delivered"}, EventType, False, id="nothing is to be sent"),
        pytest.param({"finished": "Pending"}, [EventType.STARTED], False, id="nobody wants to hear of it any more"),
        pytest.param({"finished": "Pending"}, [], False, id="there is no webhook any more"),
    ],
)
def test_sessions_that_a_webhook_is_to_hear_of(webhook: Json, events: list[EventType], is_waited_for: bool) -> None:
    seen = recorded(Phase.SUCCEEDED, **HELD)
    seen["status"]["webhook"] = webhook
    assert remaining_work([seen], [], frozenset(events)) == RemainingWork(to_deliver=SESSION if is_waited_for else ())


def test_a_deleted_session_that_a_webhook_is_to_hear_of_is_over() -> None:
    seen = recorded(Phase.SUCCEEDED, **HELD, **DELETED)
    seen["status"]["webhook"] = {"finished": "Pending"}
    assert remaining_work([seen], [], frozenset(EventType)) == RemainingWork(to_deliver=SESSION)


def test_a_session_that_runs_has_first_to_end() -> None:
    seen = recorded(Phase.RUNNING, **HELD)
    seen["status"]["webhook"] = {"started": "Pending"}
    assert remaining_work([seen], [], frozenset(EventType)) == RemainingWork(to_end=SESSION)


@pytest.mark.parametrize(
    ("metadata", "is_waited_for"),
    [
        pytest.param({"finalizers": [REPORT_FINALIZER]}, True, id="held"),
        pytest.param(DELETED, True, id="on its way out"),
        pytest.param({}, False, id="kept"),
    ],
)
def test_pods_that_are_waited_for(metadata: Json, is_waited_for: bool) -> None:
    known = {"namespace": "bots", "name": "p", "uid": "u", "resourceVersion": "3"}
    seen = {"metadata": {**known, **metadata}, "spec": {"nodeName": "n"}, "status": {}}
    assert remaining_work([], [seen]) == RemainingWork(to_end=("pod bots/p",) if is_waited_for else ())
