"""Several pipelines: which of them are the conversation, when it is over, and what is kept of its stages."""

from dataclasses import replace
from typing import Any

import pytest

from botsession_contract.launch import Launch
from botsession_contract.lifecycle import Cause, Step
from botsession_runtime.end_requests import with_bots_own_end
from botsession_runtime.ladder import next_pipeline_until, next_rung
from botsession_runtime.pipelines import MAX_PIPELINES, MAX_STAGES
from botsession_runtime.reducers import apply_event, settle
from botsession_runtime.session_state import Exit, Rung, SessionState

LAUNCH = Launch("bots", "support-42", "ab" * 32, target="bot.py")
Event = dict[str, Any]


def state_after(*events: Event) -> SessionState:
    state = SessionState(began=0.0)
    for number, event in enumerate(events):
        state = with_bots_own_end(apply_event(state, {"at": float(number + 1), **event}), LAUNCH)
    return state


def set_up(root: int, *, runner: int = 1, transport: bool = False) -> Event:
    return {"event": "setup", "root": root, "runner": runner, "name": f"worker-{root}", "transport": transport}


def start(root: int) -> Event:
    return {"event": "started", "root": root, "clients": False, "transport": False}


def hop(root: int, frame: str = "EndFrame", *, ours: bool = False, held_by: str | None = "A#0") -> Event:
    return {"event": "hop", "root": root, "frame": frame, "reason": "bye", "ours": ours, "held_by": held_by}


def out(root: int, frame: str = "EndFrame") -> Event:
    return {**hop(root, frame, held_by=None), "out": True}


def finish(root: int, frame: str = "EndFrame") -> Event:
    return {"event": "finished", "root": root, "frame": frame, "reason": "bye", "ours": False}


def up(root: int, *, runner: int = 1, transport: bool = False) -> tuple[Event, Event]:
    return set_up(root, runner=runner, transport=transport), start(root)


LINE, OTHER_LINE = up(1, transport=True), up(2, transport=True, runner=2)
HELPER, APART = up(3), up(4, runner=2)


@pytest.mark.parametrize(
    ("events", "is_over"),
    [
        pytest.param([*LINE, *HELPER, finish(3)], False, id="a helper without a transport"),
        pytest.param([*LINE, *HELPER, finish(1)], True, id="the one with a transport"),
        pytest.param([*LINE, *OTHER_LINE, finish(1)], False, id="one of two with a transport"),
        pytest.param([*LINE, *OTHER_LINE, finish(1), finish(2)], True, id="both of them"),
        pytest.param([*up(5), *HELPER, finish(5)], True, id="the first of a runner where none has a transport"),
        pytest.param([*up(5), *APART, finish(5)], False, id="the first of one of two runners"),
        pytest.param([*up(5), *APART, finish(5), finish(4)], True, id="of both"),
        pytest.param([*up(5), *APART, finish(5), finish(4), *LINE], False, id="another one has started"),
    ],
)
def test_a_conversation_is_over_with_its_last_pipeline(events: list[Event], is_over: bool) -> None:
    assert (state_after(*events).finish is not None) is is_over


@pytest.mark.parametrize(
    ("events", "frame"),
    [
        pytest.param([*LINE, out(1)], "EndFrame", id="its frame came out, and nobody could tell"),
        pytest.param([*LINE, out(1, "CancelFrame")], "CancelFrame", id="a CancelFrame"),
        pytest.param([*LINE, hop(1)], None, id="its frame was on its way"),
        pytest.param([*LINE, *OTHER_LINE, out(1)], None, id="another one was there"),
        pytest.param([*LINE, *OTHER_LINE, finish(1), out(2, "CancelFrame")], "CancelFrame", id="the last of two"),
        pytest.param([*LINE, out(1), finish(1, "StopFrame")], "StopFrame", id="what was told goes first"),
        pytest.param([*LINE, out(1), {"event": "lost", "roots": [1]}], "EndFrame", id="with its process"),
    ],
)
def test_a_pipeline_whose_frame_came_out_has_finished_when_its_process_is_gone(
    events: list[Event], frame: str | None
) -> None:
    finish = settle(state_after(*events)).finish
    assert (finish.frame if finish else None) == frame


def test_a_pipeline_whose_frame_came_out_has_not_finished_while_its_process_is_there() -> None:
    assert state_after(*LINE, out(1)).finish is None


def test_an_own_end_is_the_sessions_when_no_pipeline_of_the_conversation_goes_on() -> None:
    one = state_after(*LINE, *OTHER_LINE, hop(1))
    both = apply_event(one, {"at": 9.0, **hop(2, "CancelFrame")})
    assert (one.own_end, one.request) == (None, None)
    assert both.own_end is not None
    assert both.own_end.frame == "CancelFrame"


def test_an_own_end_begins_the_ladder_with_the_bots_frame() -> None:
    state = state_after(*LINE, hop(1))
    assert state.request is not None
    assert (state.request.cause, state.request.grace_seconds) == (Cause.BOT_ENDED, LAUNCH.shutdown.grace_period_seconds)
    assert [(rung.step, rung.at) for rung in state.rungs] == [(Step.END_FRAME, 3.0)]


def test_a_finish_whose_frame_was_not_seen_is_an_own_end_too() -> None:
    state = state_after(*LINE, finish(1, "CancelFrame"))
    assert state.request is not None
    assert state.request.cause is Cause.BOT_CANCELLED


def test_an_end_before_the_start_begins_nothing() -> None:
    assert state_after(set_up(1), hop(1)).request is None
    assert state_after(set_up(1), hop(1), start(1)).request is not None


def test_the_next_pipeline_takes_all_of_an_ending_back_but_what_it_was() -> None:
    state = state_after(*up(1), hop(1), finish(1), *up(2))
    assert (state.request, state.rungs, state.finish, state.own_end, state.end_held_by) == (None, (), None, None, None)
    (stage,) = state.stages
    assert (stage.name, stage.frame, stage.reason) == ("worker-1", "EndFrame", "bye")
    assert (stage.started_at, stage.finished_at, state.stage_count) == (2.0, 4.0, 1)
    assert (state.started_at, state.stage_started_at) == (2.0, 6.0)


def test_a_pipeline_that_was_set_up_with_the_first_is_no_next_stage() -> None:
    state = state_after(set_up(1), set_up(2), start(1), hop(1), finish(1), start(2))
    assert state.finish is not None
    assert state.stages == ()


def test_a_helper_of_the_stage_before_does_not_end_the_next_one() -> None:
    state = state_after(*LINE, *HELPER, hop(1), finish(1), *OTHER_LINE, finish(3))
    assert state.finish is None


def test_a_process_between_two_pipelines_waits_for_the_grace_period_and_anew_for_a_set_up() -> None:
    grace = LAUNCH.shutdown.grace_period_seconds
    between = state_after(*LINE, hop(1), finish(1))
    assert next_pipeline_until(between, 30.0) == 4.0 + grace
    assert next_pipeline_until(apply_event(between, {"at": 20.0, **set_up(2)}), 30.0) == 20.0 + grace
    assert next_pipeline_until(state_after(*LINE), 30.0) is None


def test_a_client_that_hangs_up_on_a_frame_that_stands_still_has_left() -> None:
    state = state_after(*LINE, {"event": "client"}, hop(1), {"event": "left", "at": 30.0})
    assert state.left_at == 30.0


def test_a_client_whose_transport_closes_when_it_has_played_all_has_not() -> None:
    closed = {"event": "left", "at": 30.0}
    state = state_after(*LINE, {"event": "client"}, hop(1), closed, {**hop(1, held_by=None), "at": 30.2})
    assert state.left_at is None


def test_progress_is_noted_until_nobody_listens() -> None:
    state = state_after(*LINE, {"event": "client"}, hop(1), {"event": "progress", "at": 20.0})
    assert state.progress_at == 20.0
    left = apply_event(state, {"event": "left", "at": 30.0})
    assert apply_event(left, {"event": "progress", "at": 40.0}).progress_at == 20.0


def test_what_a_bot_says_of_pipelines_takes_no_memory() -> None:
    events = [event for root in range(100) for event in (*up(root), finish(root))]
    state = state_after(*events)
    assert len(state.stages) == MAX_STAGES
    assert state.stage_count == 99
    assert len(state_after(*(set_up(root) for root in range(100))).pipelines) == MAX_PIPELINES


def test_stages_are_told_apart_that_are_read_only_when_the_process_is_gone() -> None:
    state = replace(state_after(*up(1), hop(1), finish(1)), exit=Exit(0, 9.0))
    for event in (*up(2), hop(2), finish(2)):
        state = with_bots_own_end(apply_event(state, {"at": 8.0, **event}), LAUNCH)
    assert (state.stage_count, state.finish is not None) == (1, True)
    assert next_pipeline_until(state, 30.0) is None


def speaks(root: int) -> Event:
    return {"event": "speaks", "root": root}


def test_a_pipeline_that_talks_when_another_one_has_finished_is_the_next_stage() -> None:
    state = state_after(*up(5), *HELPER, finish(5), speaks(3))
    assert (state.finish, state.request, state.stage_count, state.stage_started_at) == (None, None, 1, 6.0)
    assert [stage.name for stage in state.stages] == ["worker-5"]
    over = state_after(*up(5), *HELPER, finish(5), speaks(3), hop(3), finish(3))
    assert (over.finish is not None, over.request is not None) == (True, True)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([*LINE, *HELPER, finish(1), speaks(3)], id="beside one with a transport"),
        pytest.param([*up(5), *HELPER, finish(5), speaks(5)], id="the one that has finished"),
        pytest.param([*up(5), set_up(3), finish(5), speaks(3)], id="one that has not started"),
        pytest.param([*up(5), *HELPER, finish(5), speaks(9)], id="one that nobody knows"),
        pytest.param([*up(5), *HELPER, finish(5), {**speaks(3), "at": 4.0}], id="what it said before"),
    ],
)
def test_a_session_that_is_over_does_not_go_on_with(events: list[Event]) -> None:
    assert state_after(*events).finish is not None


def test_a_helper_that_was_told_to_go_talks_in_vain() -> None:
    over = state_after(*up(5), *HELPER, finish(5))
    cancelled = replace(over, rungs=(*over.rungs, Rung(Step.CANCEL_FRAME, 9.0)))
    assert apply_event(cancelled, {"at": 10.0, **speaks(3)}).finish is not None


def lost(*roots: int, event: str = "lost") -> Event:
    return {"event": event, "roots": list(roots)}


def test_pipeline_of_a_process_that_is_gone_is_waited_for_no_more() -> None:
    state = state_after(*LINE, *OTHER_LINE, lost(1, event="gone"), finish(2))
    assert (state.finish is not None, state.lost_at) == (True, None)


def test_last_process_that_is_gone_in_mid_call_is_lost() -> None:
    state = state_after(*LINE, *OTHER_LINE, finish(1), lost(2))
    assert (state.finish, state.lost_at) == (None, 6.0)


def test_another_process_may_follow_one_that_is_lost() -> None:
    waiting = state_after(*up(1), lost(1))
    assert next_pipeline_until(waiting, 30.0) == 33.0
    state = apply_event(apply_event(waiting, {"at": 10.0, "event": "hooked"}), {"at": 11.0, **start(2)})
    assert (state.lost_at, state.started_at, next_pipeline_until(state, 30.0)) == (None, 2.0, None)
    assert apply_event(state, {"at": 12.0, **finish(2)}).finish is not None


def test_end_that_a_lost_process_had_begun_is_not_that_of_the_next() -> None:
    waiting = state_after(*up(1), hop(1), {"event": "crashed", "message": "KeyError"}, lost(1))
    assert (waiting.request is not None, waiting.crash) == (True, "KeyError")
    assert next_pipeline_until(waiting, 7.0) == 5.0 + LAUNCH.shutdown.grace_period_seconds
    state = apply_event(waiting, {"at": 10.0, "event": "hooked"})
    assert (state.request, state.rungs, state.own_end, state.crash) == (None, (), None, None)


def test_parent_that_was_told_to_go_begins_another_process_in_vain() -> None:
    waiting = replace(state_after(*up(1), lost(1)), rungs=(Rung(Step.TERMINATE, 9.0),))
    state = apply_event(waiting, {"at": 10.0, "event": "hooked"})
    assert next_rung(state, 30.0) == Rung(Step.KILL, 14.0)


def test_process_that_is_gone_before_its_start_leaves_the_end_of_the_others() -> None:
    state = state_after(*LINE, set_up(2, runner=2, transport=True), finish(1), lost(2))
    assert (state.finish is not None, state.lost_at) == (True, None)


def test_a_pipeline_that_is_being_set_up_elsewhere_keeps_the_session() -> None:
    waiting = state_after(*up(1), set_up(2, runner=2), hop(1), finish(1))
    assert (waiting.finish, waiting.request) == (None, None)
    assert apply_event(apply_event(waiting, {"at": 8.0, **start(2)}), {"at": 9.0, **finish(2)}).finish is not None
