"""Rule: who wants a session over, how, and by when."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import BotState, Cause, Mode, Phase
from botsession_contract.report import Ending
from botsession_operator.api.status import ConditionType
from botsession_operator.core.decide import termination
from botsession_operator.core.decide.termination import EndIntent
from botsession_operator.core.observe.observed import NoSnapshot, Observed, Session
from botsession_operator.core.observe.timeline import timeline_of
from tests.builders import (
    NOW,
    ago,
    asked,
    later,
    observed,
    pod,
    session,
    snapshot,
    started,
    status,
    taken,
    unmet,
    waiting,
    with_timeline,
)

GRACEFUL, IMMEDIATE = Mode.GRACEFUL, Mode.IMMEDIATE
UNREACHABLE: Final = NoSnapshot.UNREACHABLE


@pytest.mark.parametrize(
    ("seen", "cause", "mode"),
    [
        pytest.param(observed(session(), pod()), None, None, id="a running session goes on"),
        pytest.param(observed(session(), None), None, None, id="a new session goes on"),
        pytest.param(observed(session(is_deleting=True), pod()), Cause.DELETED, GRACEFUL, id="deleted"),
        pytest.param(observed(session(end="Graceful"), pod()), Cause.END_REQUESTED, GRACEFUL, id="asked to end"),
        pytest.param(observed(session(end="Immediate"), pod()), Cause.END_REQUESTED, IMMEDIATE, id="asked to end now"),
        pytest.param(
            observed(session(maxSessionDuration="50s"), pod()), Cause.MAX_DURATION, GRACEFUL, id="out of time"
        ),
        pytest.param(observed(session(maxSessionDuration="51s"), pod()), None, None, id="a second is left"),
        pytest.param(
            observed(session(startTimeout="60s"), waiting()), Cause.START_TIMEOUT, IMMEDIATE, id="never started"
        ),
        pytest.param(
            observed(session(startTimeout="1s"), pod()), None, None, id="the start timeout ends with the start"
        ),
        pytest.param(
            observed(session(is_deleting=True, end="Immediate"), pod()),
            Cause.DELETED,
            IMMEDIATE,
            id="deletion is the cause, the spec tells how",
        ),
        pytest.param(
            observed(session(maxSessionDuration="1s", shutdown={"mode": "Immediate"}), pod()),
            Cause.MAX_DURATION,
            IMMEDIATE,
            id="shutdown.mode says how where nobody else does",
        ),
        pytest.param(
            observed(session(end="Graceful", shutdown={"mode": "Immediate"}), pod()),
            Cause.END_REQUESTED,
            GRACEFUL,
            id="end says how, whatever shutdown.mode says",
        ),
    ],
)
def test_who_wants_the_session_over(seen: Observed, cause: Cause | None, mode: Mode | None) -> None:
    wanted = termination.end_intent(seen, timeline_of(seen, NOW))

    assert wanted == (EndIntent(cause, mode, NOW) if cause and mode else None)


RECORDED = started(ending=asked(Cause.MAX_DURATION, since=9))
EVICTED = snapshot(BotState.ENDING, ending=taken(Cause.EVICTED, since=5))
CANCELLED = snapshot(BotState.ENDING, ending=taken(Cause.MAX_DURATION, IMMEDIATE, since=5))


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        pytest.param(
            observed(session(RECORDED, maxSessionDuration="24h"), pod(), UNREACHABLE),
            EndIntent(Cause.MAX_DURATION, GRACEFUL, ago(9)),
            id="more time does not un-end it",
        ),
        pytest.param(
            observed(session(RECORDED, is_deleting=True), pod(), UNREACHABLE),
            EndIntent(Cause.MAX_DURATION, GRACEFUL, ago(9)),
            id="the first cause stands",
        ),
        pytest.param(
            observed(session(RECORDED, end="Immediate"), pod(), UNREACHABLE),
            EndIntent(Cause.MAX_DURATION, IMMEDIATE, ago(9)),
            id="graceful becomes immediate",
        ),
        pytest.param(
            observed(session(started(ending=asked(Cause.DELETED, IMMEDIATE, since=9))), pod(), UNREACHABLE),
            EndIntent(Cause.DELETED, IMMEDIATE, ago(9)),
            id="immediate does not become graceful by an edit",
        ),
        pytest.param(
            observed(session(started(ending=asked(Cause.DELETED, IMMEDIATE))), pod(), EVICTED),
            EndIntent(Cause.DELETED, IMMEDIATE, ago(5)),
            id="immediate does not become graceful by a SIGTERM",
        ),
        pytest.param(
            observed(session(started()), pod(), EVICTED),
            EndIntent(Cause.EVICTED, GRACEFUL, ago(5)),
            id="the supervisor had a SIGTERM",
        ),
        pytest.param(
            observed(session(RECORDED), pod(), CANCELLED),
            EndIntent(Cause.MAX_DURATION, IMMEDIATE, ago(5)),
            id="the supervisor went further; its ladder's time counts",
        ),
    ],
)
def test_what_is_recorded_stands(seen: Observed, wanted: EndIntent) -> None:
    assert termination.end_intent(seen, timeline_of(seen, NOW)) == wanted


@pytest.mark.parametrize(
    ("state", "ending", "wanted", "is_told"),
    [
        pytest.param(BotState.RUNNING, None, GRACEFUL, True, id="it does not know"),
        pytest.param(BotState.STARTING, None, IMMEDIATE, True, id="it does not know while it starts"),
        pytest.param(BotState.ENDING, taken(Cause.DELETED), GRACEFUL, False, id="it knows"),
        pytest.param(BotState.ENDING, taken(Cause.DELETED), IMMEDIATE, True, id="it knows of the gentler way"),
        pytest.param(BotState.ENDING, taken(Cause.DELETED, IMMEDIATE), GRACEFUL, False, id="it goes the harder way"),
        pytest.param(BotState.FINISHED, None, GRACEFUL, False, id="it is over"),
    ],
)
def test_the_supervisor_is_told_what_it_does_not_know(
    state: BotState, ending: Ending | None, wanted: Mode, is_told: bool
) -> None:
    seen = observed(session(), pod(), snapshot(state, ending=ending))

    assert bool(termination.end_request(seen, EndIntent(Cause.DELETED, wanted, NOW))) is is_told


def test_a_silent_supervisor_is_told_nothing() -> None:
    assert (
        termination.end_request(observed(session(), pod(), UNREACHABLE), EndIntent(Cause.DELETED, GRACEFUL, NOW))
        is None
    )


def test_a_request_carries_the_shutdown_as_the_spec_has_it_now() -> None:
    shutdown = {"gracePeriod": "1m", "cancelPeriod": "5s", "farewell": "Goodbye!"}
    request = termination.end_request(
        observed(session(shutdown=shutdown), pod()), EndIntent(Cause.DELETED, GRACEFUL, NOW)
    )

    assert request
    assert (request.farewell, request.grace_period_seconds, request.cancel_period_seconds) == ("Goodbye!", 60, 5)


def test_the_deadline_counts_from_the_pipelines_start() -> None:
    assert timeline_of(observed(session(maxSessionDuration="10m"), pod()), NOW).deadline == later(600 - 50)


def test_the_recorded_start_serves_where_the_supervisor_is_silent() -> None:
    assert timeline_of(observed(session(started()), pod(), UNREACHABLE), NOW).started_at == ago(50)


def test_there_is_no_deadline_before_the_start() -> None:
    assert timeline_of(observed(session(status()), waiting()), NOW).deadline is None


def test_the_start_counts_from_the_creation() -> None:
    new = session(startTimeout="2m", created_at=ago(20))
    assert timeline_of(observed(new, None), NOW).end_due_at == later(100)


LISTENING: Final = snapshot(BotState.STARTING, listening_at=ago(50))
#: Of a session that was seen to wait for its caller.
KNOWN: Final = status(Phase.STARTING, conditions=(unmet(ConditionType.STARTED, "WaitingForCaller"),))


@pytest.mark.parametrize(
    ("given", "control", "deadline"),
    [
        pytest.param({}, LISTENING, later(60 + 60 + 120), id="joinTimeout comes between, and a start again"),
        pytest.param({"joinTimeout": "0s"}, LISTENING, later(60), id="unless that is off"),
        pytest.param({}, replace(LISTENING, called_at=ago(5)), later(115), id="it counts anew from the call"),
        pytest.param({"joinTimeout": "0s"}, replace(LISTENING, called_at=ago(5)), later(115), id="in any case"),
        pytest.param(
            {"status": KNOWN}, NoSnapshot.UNREACHABLE, later(240), id="what was known stands while nobody answers"
        ),
        pytest.param({}, NoSnapshot.UNREACHABLE, later(60), id="nobody ever answered"),
    ],
)
def test_start_of_a_bot_that_listens(
    given: dict[str, Any], control: SessionSnapshot | NoSnapshot, deadline: datetime
) -> None:
    assert timeline_of(observed(session(startTimeout="2m", **given), pod(), control), NOW).end_due_at == deadline


def test_bot_that_waits_for_its_caller_is_not_ended_by_the_start_timeout() -> None:
    seen = observed(session(startTimeout="30s"), pod(), LISTENING)
    assert termination.end_intent(seen, timeline_of(seen, NOW)) is None


BY_CAUSE: Final = {
    "mode": "Graceful",
    "overrides": {
        "deleted": {"mode": "Immediate"},
        "maxDuration": {"farewell": "Time is up!", "gracePeriod": "1m", "cancelPeriod": "2s"},
    },
}


@pytest.mark.parametrize(
    ("seen", "mode"),
    [
        pytest.param(session(is_deleting=True, shutdown=BY_CAUSE), IMMEDIATE, id="the override says how"),
        pytest.param(session(is_deleting=True, end="Graceful", shutdown=BY_CAUSE), GRACEFUL, id="end goes before it"),
        pytest.param(session(maxSessionDuration="1s", shutdown=BY_CAUSE), GRACEFUL, id="another cause's is not asked"),
    ],
)
def test_the_mode_follows_the_cause(seen: Session, mode: Mode) -> None:
    wanted = termination.end_intent(*with_timeline(observed(seen, pod())))

    assert wanted
    assert wanted.mode is mode


def test_a_request_carries_what_is_said_of_its_cause() -> None:
    seen = observed(session(shutdown=BY_CAUSE), pod())
    request = termination.end_request(seen, EndIntent(Cause.MAX_DURATION, GRACEFUL, NOW))

    assert request
    assert (request.farewell, request.grace_period_seconds, request.cancel_period_seconds) == ("Time is up!", 60, 2)


def uninstalling(of: Session, control: object = UNREACHABLE) -> Observed:
    return Observed(of, pod(), control, is_uninstalling=True)  # type: ignore[arg-type]  # a snapshot or silence


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(
            uninstalling(session(started())),
            EndIntent(Cause.END_REQUESTED, GRACEFUL, NOW, termination.UNINSTALL_MESSAGE),
            id="all end, and why is told",
        ),
        pytest.param(
            uninstalling(session(started(), shutdown={"mode": "Immediate"})),
            EndIntent(Cause.END_REQUESTED, IMMEDIATE, NOW, termination.UNINSTALL_MESSAGE),
            id="as the shutdown says",
        ),
        pytest.param(
            uninstalling(session(started(), end="Graceful")),
            EndIntent(Cause.END_REQUESTED, GRACEFUL, NOW),
            id="a user's end",
        ),
        pytest.param(
            uninstalling(session(started(), is_deleting=True)), EndIntent(Cause.DELETED, GRACEFUL, NOW), id="a deletion"
        ),
        pytest.param(
            uninstalling(session(started(ending=asked(Cause.MAX_DURATION, since=3)))),
            EndIntent(Cause.MAX_DURATION, GRACEFUL, ago(3)),
            id="what was recorded before stands",
        ),
    ],
)
def test_uninstalling_ends_what_nobody_has_ended_yet(seen: Observed, expected: EndIntent) -> None:
    assert termination.end_intent(seen, timeline_of(seen, NOW)) == expected


@pytest.mark.parametrize(
    "control", [UNREACHABLE, snapshot(BotState.ENDING, ending=taken(Cause.END_REQUESTED, since=3))]
)
def test_the_next_operator_still_tells_that_the_last_one_was_uninstalled(control: object) -> None:
    ending = replace(asked(Cause.END_REQUESTED, since=3), message=termination.UNINSTALL_MESSAGE)
    seen = Observed(session(started(ending=ending)), pod(), control)  # type: ignore[arg-type]  # as above

    assert termination.end_intent(seen, timeline_of(seen, NOW)) == EndIntent(
        Cause.END_REQUESTED, GRACEFUL, ago(3), termination.UNINSTALL_MESSAGE
    )
