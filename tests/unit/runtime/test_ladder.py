"""The shutdown ladder: which step is next, and when."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.control import EndRequest
from botsession_contract.lifecycle import BOT_CAUSES, Cause, Mode, Step
from botsession_runtime.end_requests import shorten, sigterm_budget, squeeze, take_over, without_kill
from botsession_runtime.ladder import end_of_ladder, next_rung
from botsession_runtime.pipelines import Finish, Pipeline
from botsession_runtime.session_state import Exit, Request, Rung, SessionState

OWN_GRACE = 30.0
FRESH = SessionState(began=0.0)
RUNNING = replace(FRESH, started_at=5.0)
UNWATCHED = replace(RUNNING, unwatched="the hook was loaded in process 42 and could not reach the supervisor")
GRACEFUL = Request(Cause.END_REQUESTED, Mode.GRACEFUL, at=100.0, grace_seconds=30.0, cancel_seconds=10.0)
IMMEDIATE = replace(GRACEFUL, mode=Mode.IMMEDIATE)
RAISED = replace(IMMEDIATE, raised_at=110.0)
DRAINED = Finish("EndFrame", None, is_ours=True, at=105.0)
SERVING = replace(RUNNING, finish=DRAINED, serving_at=106.0)
TOLD_TO_GO = Rung(Step.TERMINATE, 108.0)


def after(state: SessionState, *rungs: Rung, request: Request | None = None) -> SessionState:
    return replace(state, rungs=rungs, request=request or state.request)


ENDED = Rung(Step.END_FRAME, 100.0)
FORCED = Rung(Step.FORCED_CANCEL_FRAME, 130.0)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(RUNNING, None, id="nothing is due while nobody asks"),
        pytest.param(
            after(UNWATCHED, request=GRACEFUL), Rung(Step.TERMINATE, 100), id="a bot that no frame reaches is signalled"
        ),
        pytest.param(
            after(UNWATCHED, Rung(Step.TERMINATE, 100.0), request=GRACEFUL),
            Rung(Step.KILL, 140),
            id="it has both periods for its goodbye",
        ),
        pytest.param(
            after(UNWATCHED, Rung(Step.TERMINATE, 100.0), request=IMMEDIATE),
            Rung(Step.KILL, 110),
            id="and one of them where it is to end at once",
        ),
        pytest.param(
            replace(RUNNING, lost_at=50.0),
            Rung(Step.TERMINATE, 80),
            id="what waits for a lost process has a grace period to begin another",
        ),
        pytest.param(
            replace(RUNNING, lost_at=50.0, rungs=(Rung(Step.TERMINATE, 80.0),)),
            Rung(Step.KILL, 85),
            id="and then five seconds to leave",
        ),
        pytest.param(
            replace(
                RUNNING, lost_at=50.0, request=replace(GRACEFUL, cause=Cause.BOT_ENDED, at=48.0, grace_seconds=9.0)
            ),
            Rung(Step.TERMINATE, 59),
            id="where the bot was ending itself, that end's grace period",
        ),
        pytest.param(
            replace(RUNNING, lost_at=50.0, crashed_at=55.0),
            Rung(Step.TERMINATE, 57),
            id="what has crashed itself begins no other process",
        ),
        pytest.param(
            after(replace(RUNNING, lost_at=99.0), request=GRACEFUL),
            Rung(Step.TERMINATE, 101),
            id="where somebody has asked for the end no other process is waited for",
        ),
        pytest.param(FRESH, None, id="a starting bot is left alone"),
        pytest.param(
            after(RUNNING, request=GRACEFUL), Rung(Step.END_FRAME, 100), id="graceful begins with an EndFrame"
        ),
        pytest.param(
            after(RUNNING, ENDED, request=GRACEFUL),
            Rung(Step.FORCED_CANCEL_FRAME, 130),
            id="an EndFrame that does not come out is forced after the grace period",
        ),
        pytest.param(
            after(RUNNING, ENDED, FORCED, request=GRACEFUL),
            Rung(Step.KILL, 140),
            id="what a CancelFrame cannot end is killed after the cancel period",
        ),
        pytest.param(
            after(RUNNING, request=IMMEDIATE), Rung(Step.CANCEL_FRAME, 100), id="immediate begins with a CancelFrame"
        ),
        pytest.param(
            after(replace(RUNNING, has_end_in_flight=True), request=IMMEDIATE),
            Rung(Step.FORCED_CANCEL_FRAME, 100),
            id="a CancelFrame is forced past the bot's own EndFrame",
        ),
        pytest.param(
            after(RUNNING, Rung(Step.CANCEL_FRAME, 100), request=IMMEDIATE),
            Rung(Step.KILL, 110),
            id="a swallowed CancelFrame ends in a kill",
        ),
        pytest.param(
            after(replace(RUNNING, has_end_in_flight=True), ENDED, request=RAISED),
            Rung(Step.FORCED_CANCEL_FRAME, 110),
            id="raised to immediate it does not wait for the grace period",
        ),
        pytest.param(after(FRESH, request=GRACEFUL), Rung(Step.TERMINATE, 100), id="without a pipeline: SIGTERM"),
        pytest.param(
            after(FRESH, Rung(Step.TERMINATE, 100), request=GRACEFUL),
            Rung(Step.KILL, 105),
            id="a bot without a pipeline gets five seconds",
        ),
        pytest.param(
            after(FRESH, Rung(Step.TERMINATE, 100), request=replace(GRACEFUL, cancel_seconds=2.0)),
            Rung(Step.KILL, 102),
            id="or the cancel period where that is shorter",
        ),
        pytest.param(
            after(RUNNING, Rung(Step.TERMINATE, 100), request=GRACEFUL),
            Rung(Step.KILL, 105),
            id="a pipeline that starts after the SIGTERM changes nothing",
        ),
        pytest.param(
            after(replace(RUNNING, finish=DRAINED), ENDED, request=GRACEFUL),
            Rung(Step.KILL, 140),
            id="a process that hangs after its pipeline has the rest of the ladder",
        ),
        pytest.param(
            replace(RUNNING, finish=DRAINED), Rung(Step.KILL, 135), id="a bot that ended itself has a grace period"
        ),
        pytest.param(
            replace(RUNNING, crashed_at=50.0), Rung(Step.KILL, 55), id="a bot that crashed has five seconds to leave"
        ),
        pytest.param(
            SERVING,
            TOLD_TO_GO,
            id="a server that its bot has left is told to go",
        ),
        pytest.param(
            after(SERVING, TOLD_TO_GO),
            Rung(Step.KILL, 135),
            id="and has the bot's grace period to do so",
        ),
        pytest.param(
            after(SERVING, ENDED, request=GRACEFUL),
            TOLD_TO_GO,
            id="also where the session was asked to end",
        ),
        pytest.param(
            after(SERVING, ENDED, TOLD_TO_GO, request=GRACEFUL),
            Rung(Step.KILL, 140),
            id="with the rest of the ladder to go",
        ),
        pytest.param(
            after(replace(RUNNING, serving_at=106.0), TOLD_TO_GO),
            Rung(Step.KILL, 136),
            id="a server whose bot is over without a finish is not kept either",
        ),
        pytest.param(
            after(replace(RUNNING, crashed_at=50.0, serving_at=50.0), Rung(Step.TERMINATE, 52)),
            Rung(Step.KILL, 55),
            id="a server whose bot crashed has five seconds in all",
        ),
        pytest.param(
            after(RUNNING, ENDED, FORCED, Rung(Step.KILL, 140), request=GRACEFUL), None, id="a kill is the last step"
        ),
        pytest.param(
            replace(after(RUNNING, ENDED, request=GRACEFUL), exit=Exit(0, 101)),
            None,
            id="nothing is due once it is gone",
        ),
    ],
)
def test_next_step(state: SessionState, expected: Rung | None) -> None:
    assert next_rung(state, OWN_GRACE) == expected


SECONDS = st.floats(0, 3600)
REQUESTS = st.builds(
    Request,
    cause=st.sampled_from([cause for cause in Cause if cause not in BOT_CAUSES]),
    mode=st.sampled_from(Mode),
    at=st.just(100.0),
    grace_seconds=SECONDS,
    cancel_seconds=SECONDS,
)
WORLDS = st.builds(
    SessionState,
    began=st.just(0.0),
    started_at=st.none() | st.just(5.0),
    has_end_in_flight=st.booleans(),
    request=REQUESTS,
    finish=st.none() | st.just(DRAINED),
    crashed_at=st.none() | st.just(90.0),
    serving_at=st.none() | st.just(100.0),
)


def walk(state: SessionState) -> SessionState:
    """Climb down with a bot that answers nothing."""
    while rung := next_rung(state, OWN_GRACE):
        assert len(state.rungs) < 5
        state = replace(state, rungs=(*state.rungs, rung))
    return state


@given(WORLDS)
def test_every_ladder_ends_in_a_kill_within_its_periods(state: SessionState) -> None:
    assert state.request is not None
    last = walk(state).rungs[-1]
    assert last.step is Step.KILL
    assert last.at <= 100 + state.request.grace_seconds + state.request.cancel_seconds + 1e-6


@given(WORLDS)
def test_no_step_is_taken_twice_or_before_the_one_above_it(state: SessionState) -> None:
    rungs = walk(state).rungs
    assert len({rung.step for rung in rungs}) == len(rungs)
    assert [rung.at for rung in rungs] == sorted(rung.at for rung in rungs)


@given(WORLDS)
def test_immediate_never_sends_an_end_frame(state: SessionState) -> None:
    assert state.request is not None
    steps = {rung.step for rung in walk(state).rungs}
    assert Step.END_FRAME not in steps or state.request.mode is Mode.GRACEFUL


@given(WORLDS, st.floats(0, 120), SECONDS)
def test_squeezed_ladder_ends_within_the_budget(state: SessionState, budget: float, waited: float) -> None:
    assert state.request is not None
    now = 100 + min(waited, state.request.grace_seconds)
    taken = () if now == 100 or state.request.mode is Mode.IMMEDIATE else (ENDED,)
    state = replace(state, started_at=5.0, rungs=taken)
    squeezed = squeeze(state.request or GRACEFUL, state, now, budget)
    assert end_of_ladder(state, squeezed) <= now + budget + 1e-6


def test_ladder_that_fits_is_not_squeezed() -> None:
    assert squeeze(GRACEFUL, RUNNING, 100.0, 60.0) == GRACEFUL


def test_both_periods_are_squeezed_in_proportion() -> None:
    squeezed = squeeze(GRACEFUL, RUNNING, 100.0, 20.0)
    assert (squeezed.grace_seconds, squeezed.cancel_seconds) == (15.0, 5.0)


def test_what_has_passed_of_a_period_is_not_squeezed_again() -> None:
    squeezed = squeeze(GRACEFUL, after(RUNNING, ENDED), 120.0, 10.0)
    assert (squeezed.grace_seconds, squeezed.cancel_seconds) == (25.0, 5.0)


@pytest.mark.parametrize(("grace", "budget"), [(60.0, 58.0), (3.0, 1.5), (0.0, 0.0)])
def test_sigterm_leaves_time_for_the_report(grace: float, budget: float) -> None:
    assert sigterm_budget(grace) == budget


@pytest.mark.parametrize(
    ("grace", "cancel", "expected"),
    [
        pytest.param(15.0, 5.0, (15.0, 5.0), id="into what is given"),
        pytest.param(12.0, 8.0, (15.0, 5.0), id="in its own proportion"),
        pytest.param(60.0, 60.0, (30.0, 10.0), id="never put off"),
        pytest.param(1.0, None, (30.0, 10.0), id="not by a request that leaves a period open"),
        pytest.param(None, 1.0, (30.0, 10.0), id="nor the other"),
    ],
)
def test_an_ending_asked_for_again_is_shortened(
    grace: float | None, cancel: float | None, expected: tuple[float, float]
) -> None:
    asked = EndRequest(Mode.GRACEFUL, Cause.EVICTED, None, grace, cancel)
    request = shorten(GRACEFUL, asked, RUNNING, 100.0)
    assert (request.grace_seconds, request.cancel_seconds) == expected


OWN = replace(GRACEFUL, cause=Cause.BOT_ENDED)
OWN_CANCEL = replace(IMMEDIATE, cause=Cause.BOT_CANCELLED)
ENDING = replace(after(RUNNING, ENDED, request=OWN), has_end_in_flight=True)
CANCELLED = after(RUNNING, Rung(Step.CANCEL_FRAME, 100.0), request=OWN_CANCEL)
ITS_OWN = replace(DRAINED, is_ours=False)
HELPER = Pipeline(2, runner=1, started_at=5.0)
CAME_OUT = Pipeline(1, started_at=5.0, reached_end=ITS_OWN)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(ENDING, Rung(Step.FORCED_CANCEL_FRAME, 130), id="the bot's own EndFrame is forced too"),
        pytest.param(
            replace(ENDING, progress_at=125.0), Rung(Step.FORCED_CANCEL_FRAME, 155), id="but not while it gets on"
        ),
        pytest.param(after(ENDING, ENDED, FORCED), Rung(Step.KILL, 140), id="and killed where that does not help"),
        pytest.param(CANCELLED, Rung(Step.KILL, 110), id="its own CancelFrame has the cancel period"),
        pytest.param(
            replace(ENDING, finish=ITS_OWN),
            Rung(Step.KILL, 135),
            id="one that has finished has the grace period to leave",
        ),
        pytest.param(
            replace(CANCELLED, finish=ITS_OWN), Rung(Step.KILL, 135), id="a bot that has cancelled itself has it too"
        ),
        pytest.param(
            replace(ENDING, finish=ITS_OWN, set_up_at=120.0),
            Rung(Step.KILL, 150),
            id="it counts anew while the next pipeline is set up",
        ),
        pytest.param(
            replace(ENDING, finish=ITS_OWN, pipelines=(HELPER,)),
            Rung(Step.CANCEL_FRAME, 135),
            id="a helper that still runs is cancelled",
        ),
        pytest.param(
            replace(ENDING, finish=ITS_OWN, has_bare_helpers=True),
            Rung(Step.CANCEL_FRAME, 135),
            id="so is one without a pipeline",
        ),
        pytest.param(
            after(replace(ENDING, finish=ITS_OWN, pipelines=(HELPER,)), ENDED, Rung(Step.CANCEL_FRAME, 135)),
            Rung(Step.KILL, 145),
            id="and the bot has the cancel period to leave then",
        ),
        pytest.param(replace(ENDING, crashed_at=110.0), Rung(Step.KILL, 115), id="a crash leaves five seconds"),
        pytest.param(
            replace(ENDING, progress_at=105.0, pipelines=(CAME_OUT,)),
            Rung(Step.KILL, 135),
            id="one whose own handler keeps it from saying that it has finished has no more time",
        ),
        pytest.param(
            replace(ENDING, progress_at=105.0, pipelines=(CAME_OUT, HELPER)),
            Rung(Step.FORCED_CANCEL_FRAME, 135),
            id="but not while another pipeline may be the conversation too",
        ),
    ],
)
def test_next_step_where_the_bot_ends_itself(state: SessionState, expected: Rung) -> None:
    assert next_rung(state, OWN_GRACE) == expected


def test_bot_that_left_by_itself_before_its_kill_was_not_killed() -> None:
    killed = replace(after(ENDING, ENDED, FORCED, Rung(Step.KILL, 140)), exit=Exit(0, 140.1))
    assert [rung.step for rung in without_kill(killed).rungs] == [Step.END_FRAME, Step.FORCED_CANCEL_FRAME]
    assert without_kill(replace(killed, exit=Exit(-9, 140.1))).rungs == killed.rungs
    assert without_kill(replace(killed, exit=None)).rungs == killed.rungs


BOTS_OWN = st.sampled_from(
    [
        ENDING,
        replace(ENDING, pipelines=(CAME_OUT,)),
        CANCELLED,
        replace(ENDING, finish=ITS_OWN),
        replace(CANCELLED, finish=ITS_OWN),
    ]
)


@given(BOTS_OWN, REQUESTS, st.none() | st.floats(100, 120), st.floats(0, 40))
def test_whoever_asks_while_the_bot_ends_itself_puts_nothing_off(
    state: SessionState, asked: Request, progress_at: float | None, waited: float
) -> None:
    state = replace(state, progress_at=progress_at)
    assert state.request is not None
    due = next_rung(state, OWN_GRACE)
    assert due is not None
    now = min(105 + waited, due.at)
    request = take_over(state, state.request, replace(asked, at=now))
    before, after_it = next_rung(state, OWN_GRACE), next_rung(replace(state, request=request), OWN_GRACE)
    assert end_of_ladder(state, request) <= end_of_ladder(state, state.request) + 1e-6
    assert before is not None
    assert after_it is not None
    assert after_it.at <= max(before.at, now) + 1e-6


def test_whoever_asks_while_the_bot_ends_itself_is_served_as_they_want() -> None:
    asked = Request(Cause.DELETED, Mode.IMMEDIATE, 110.0, 30.0, 5.0)
    request = take_over(ENDING, OWN, asked)
    assert (request.cause, request.mode, request.cancel_seconds) == (Cause.DELETED, Mode.IMMEDIATE, 5.0)
    assert next_rung(replace(ENDING, request=request), OWN_GRACE) == Rung(Step.FORCED_CANCEL_FRAME, 110.0)
