"""What is said of a session that this operator cannot read."""

from typing import Any

import pytest

from botsession_operator.core.status.unreadable_session import refusal, refused_status
from tests.builders import NOW

WHY = "the session is too large"


def said(status: Any) -> dict[str, Any] | None:
    return refused_status(status, 3, WHY, NOW)


@pytest.mark.parametrize("status", [None, {}, {"phase": "Pending", "observedGeneration": 0}])
def test_a_new_session_has_no_pod_and_is_told_why(status: Any) -> None:
    written = said(status)

    assert written
    assert (written["phase"], written["observedGeneration"]) == ("Pending", 3)
    (condition,) = written["conditions"]
    assert (condition["type"], condition["status"]) == ("PodCreated", "False")
    assert (condition["reason"], condition["message"]) == ("SpecRefused", WHY)


def test_a_session_with_a_pod_is_no_longer_controlled() -> None:
    started = {"type": "Started", "status": "True", "reason": "PipelineStarted", "message": ""}
    controlled = {"type": "Controlled", "status": "True", "reason": "Answers", "message": ""}
    known = {"phase": "Running", "podName": "p", "unknown": [1], "conditions": [started, controlled]}

    written = said(known)

    assert written
    assert (written["unknown"], written["conditions"][0]) == ([1], started)
    assert [(each["type"], each["status"]) for each in written["conditions"][1:]] == [("Controlled", "False")]


def test_it_is_said_once() -> None:
    assert said(said(None)) is None


def test_what_is_over_stays_as_it_was_recorded() -> None:
    assert said({"phase": "Succeeded", "finish": {"reason": "Completed"}}) is None


def test_what_is_said_fits_an_event() -> None:
    assert len(refusal("x" * 5000).note) == 1024
