"""Rule: what a supervisor's times are by the operator's clock."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import BotState, Cause
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType, Status
from botsession_operator.core.decide import termination
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.clock_skew import skew
from botsession_operator.core.observe.observed import NoSnapshot, Observed
from botsession_operator.core.observe.timeline import timeline_of
from botsession_operator.core.status.derive import Applied, derive_status
from tests.builders import NOW, ago, asked, later, observed, pod, session, snapshot, started, taken, with_timeline

MINUTE: Final = 60.0


def off(seconds: float, answer: SessionSnapshot | None = None) -> SessionSnapshot:
    """Return a supervisor's answer by a clock that is ahead by so much."""
    ahead, answer = timedelta(seconds=seconds), answer or snapshot()
    begun = answer.started_at + ahead if answer.started_at else None
    ending = answer.ending and replace(answer.ending, requested_at=answer.ending.requested_at + ahead)
    return replace(answer, now=answer.now + ahead, started_at=begun, ending=ending)


def seen_running(seconds_ago: float, **members: object) -> Status:
    """Return a status of a session that the operator saw running so long ago."""
    condition = Condition(ConditionType.STARTED, ConditionStatus.TRUE, "PipelineStarted", "", ago(seconds_ago), 1)
    return started(conditions=(condition,), **members)


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        pytest.param(snapshot(), 0, id="the same time"),
        pytest.param(off(1.9), 0, id="no more than the answer may have taken"),
        pytest.param(off(-1.9), 0, id="no less either"),
        pytest.param(off(MINUTE), MINUTE, id="ahead"),
        pytest.param(off(-MINUTE), -MINUTE, id="behind"),
        pytest.param(NoSnapshot.UNREACHABLE, 0, id="nothing is known"),
    ],
)
def test_how_far_a_supervisors_clock_is_off(control: SessionSnapshot | NoSnapshot, seconds: float) -> None:
    assert skew(control, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [0, 1, MINUTE, -MINUTE, 24 * 60 * MINUTE, -24 * 60 * MINUTE])
def test_deadline_is_met_whatever_the_supervisors_clock_says(seconds: float) -> None:
    """The pipeline started 50 s ago; an error of what is ignored is allowed."""
    due, early = session(started(), maxSessionDuration="47s"), session(started(), maxSessionDuration="53s")

    struck = termination.end_intent(*with_timeline(observed(due, pod(), off(seconds))))

    assert struck
    assert struck.cause is Cause.MAX_DURATION
    assert termination.end_intent(*with_timeline(observed(early, pod(), off(seconds)))) is None


def test_next_look_is_at_the_deadline_by_our_clock() -> None:
    seen = observed(session(started(), maxSessionDuration="55s"), pod(), off(MINUTE))

    assert make_plan(seen, NOW, ControllerTimeouts()).requeue_at == later(5)


@pytest.mark.parametrize(
    ("seen", "deadline"),
    [
        pytest.param(
            observed(session(seen_running(49)), pod(), replace(snapshot(), now=ago(3600))),
            later(30 * MINUTE - 49 + 5 * MINUTE),
            id="it did not start after the operator saw that it had",
        ),
        pytest.param(
            observed(session(), pod(), replace(snapshot(), now=ago(3600))),
            later(30 * MINUTE + 5 * MINUTE),
            id="nor after now",
        ),
        pytest.param(
            observed(session(started(started_at=ago(7200))), pod(), NoSnapshot.UNREACHABLE),
            later(30 * MINUTE - 60 - 5 * MINUTE),
            id="nor before it was created",
        ),
        pytest.param(
            observed(session(seen_running(49)), pod(), NoSnapshot.UNREACHABLE),
            later(30 * MINUTE - 50),
            id="in silence its recorded word counts",
        ),
    ],
)
def test_supervisors_word_is_trusted_within_bounds(seen: Observed, deadline: datetime) -> None:
    assert timeline_of(seen, NOW).end_due_at == deadline


def test_deadline_is_recorded_and_told_by_the_supervisors_clock() -> None:
    control = off(MINUTE)
    control = replace(control, deadline=later(30 * MINUTE + 10))
    seen = observed(session(started()), pod(), control)

    plan = make_plan(seen, NOW, ControllerTimeouts())

    assert plan.patch is None
    assert derive_status(seen, plan, Applied(), NOW).deadline == control.deadline


ENDING: Final = snapshot(BotState.ENDING, ending=taken(Cause.DELETED, since=5))


@pytest.mark.parametrize(
    ("control", "recorded", "since"),
    [
        pytest.param(ENDING, 9, 5, id="a clock that is right is gone by"),
        pytest.param(off(MINUTE, ENDING), 60, 5, id="one that is ahead is put right"),
        pytest.param(off(-MINUTE, ENDING), 60, 5, id="one that is behind is put right"),
        pytest.param(off(-MINUTE, ENDING), 6, 6, id="what was recorded stays where it is near"),
    ],
)
def test_ladder_is_waited_for_by_our_clock(control: SessionSnapshot, recorded: float, since: float) -> None:
    seen = observed(session(started(ending=asked(Cause.DELETED, since=recorded)), is_deleting=True), pod(), control)

    plan = make_plan(seen, NOW, ControllerTimeouts())

    assert plan.intent
    assert plan.intent.requested_at == ago(since)
    assert derive_status(seen, plan, Applied(), NOW).ending_at == ago(since)


def test_ending_that_the_operator_did_not_ask_for_is_put_right_too() -> None:
    wanted = termination.end_intent(*with_timeline(observed(session(started()), pod(), off(MINUTE, ENDING))))

    assert wanted
    assert wanted.requested_at == ago(5)


def test_second_pass_with_a_slower_answer_writes_nothing() -> None:
    control = off(-MINUTE, ENDING)
    seen = observed(session(started(), is_deleting=True), pod(), control)
    first = derive_status(seen, make_plan(seen, NOW, ControllerTimeouts()), Applied(), NOW)
    again = observed(
        session(first, is_deleting=True), pod(), replace(control, now=control.now + timedelta(seconds=0.4))
    )

    moment = later(0.5)
    assert derive_status(again, make_plan(again, moment, ControllerTimeouts()), Applied(), moment) == first
