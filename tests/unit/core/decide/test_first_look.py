"""When an operator that begins to lead looks at a session first."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from botsession_contract.lifecycle import Cause, Phase
from botsession_contract.names import SESSION_FINALIZER
from botsession_operator.core.decide.first_look import first_look_at, is_answered
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import NoSnapshot, Observed, Pod, PodState, Session
from tests.builders import NOW, ago, asked, ended, later, over, pod, session, started, status, waiting

SPREAD = timedelta(hours=1)
DELETING = {"is_deleting": True, "finalizers": (SESSION_FINALIZER,)}


def first_look(of: Session, its_pod: Pod | None, spread: timedelta = SPREAD) -> datetime:
    observed = Observed(of, its_pod, NoSnapshot.NOT_ASKED)
    return first_look_at(observed, NOW, ControllerTimeouts(), spread)


@pytest.mark.parametrize(
    ("of", "its_pod"),
    [
        pytest.param(session(None), None, id="it is new"),
        pytest.param(session(status(Phase.PENDING)), None, id="it has no pod"),
        pytest.param(session(status(Phase.PENDING)), waiting(), id="it starts"),
        pytest.param(session(status(Phase.PENDING)), pod(), id="its bot runs, and no status says so"),
        pytest.param(session(started(), generation=2), pod(), id="it was edited"),
        pytest.param(session(started(), end="Graceful"), pod(), id="a user ends it"),
        pytest.param(session(started(), **DELETING), pod(), id="it is being deleted"),
        pytest.param(session(started(ending=asked(Cause.END_REQUESTED))), pod(), id="it ends"),
        pytest.param(session(started(), maxSessionDuration="50s"), pod(), id="its time is over"),
        pytest.param(session(started()), ended(), id="its bot has ended"),
        pytest.param(session(started()), pod(deletion_requested_by=later(30)), id="its pod is being deleted"),
        pytest.param(session(started()), None, id="its pod is gone"),
        pytest.param(session(started(), finalizers=()), pod(), id="it has lost its finalizer"),
        pytest.param(session(over(since=60)), ended(), id="it is over, and its pod is left"),
        pytest.param(session(over(since=7200)), None, id="it is over, and kept for long enough"),
    ],
)
def test_a_session_with_something_to_do_comes_at_once(of: Session, its_pod: Pod | None) -> None:
    assert first_look(of, its_pod) == NOW


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(session(started()), id="it runs"),
        pytest.param(session(started(), eviction="Never"), id="it has a disruption budget"),
        pytest.param(session(started(), eviction="WhenIdle"), id="it may have a disruption budget"),
        pytest.param(session(started(), expose={"port": 8080}), id="it is exposed"),
        pytest.param(session(over(since=60), eviction="Never", expose={"port": 8080}), id="it is over"),
    ],
)
def test_a_session_that_needs_nothing_waits_its_turn(of: Session) -> None:
    when = first_look(of, None if of.is_finished else pod(), timedelta(minutes=1))

    assert NOW < when <= NOW + timedelta(minutes=1)


def test_sessions_are_spread() -> None:
    looks = {
        first_look(replace(session(started()), uid=str(number)), pod(), timedelta(minutes=1)) for number in range(99)
    }

    assert len(looks) > 80


@pytest.mark.parametrize(
    ("of", "due"),
    [
        pytest.param(session(started(started_at=ago(50)), maxSessionDuration="51s"), later(1), id="its deadline"),
        pytest.param(session(over(since=3599)), later(1), id="it is deleted an hour after its end"),
    ],
)
def test_no_session_waits_beyond_its_time(of: Session, due: datetime) -> None:
    assert first_look(of, None if of.is_finished else pod()) <= due


def test_a_pod_on_its_way_is_not_quiet() -> None:
    """The status still says that the bot runs."""
    assert first_look(session(started()), pod(PodState.WAITING)) == NOW


@pytest.mark.parametrize(
    ("of", "answered"),
    [
        (session(None), False),
        (session(started()), True),
        (session(started(), generation=2), False),
        (session(over(since=1), generation=2), True),
    ],
)
def test_a_user_waits_for_an_answer_to_the_present_spec(of: Session, *, answered: bool) -> None:
    assert is_answered(of) is answered
