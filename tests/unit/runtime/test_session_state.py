"""What events from the bot's process change."""

from dataclasses import replace
from typing import Any

import pytest

from botsession_contract.lifecycle import Cause, Farewell, Mode, Step
from botsession_contract.report import DanglingTasks
from botsession_runtime.pipelines import Finish, OwnEnd
from botsession_runtime.reducers import apply_event
from botsession_runtime.session_state import Request, Rung, SessionState, Speech

FRESH = SessionState(began=0.0)


def state_after(*events: dict[str, Any], state: SessionState = FRESH) -> SessionState:
    for number, event in enumerate(events):
        state = apply_event(state, {"at": float(number + 1), **event})
    return state


def finished(frame: str, *, ours: bool = False) -> dict[str, Any]:
    return {"event": "finished", "frame": frame, "reason": None, "ours": ours}


def hop(frame: str, held_by: str | None, *, ours: bool = False) -> dict[str, Any]:
    return {"event": "hop", "frame": frame, "held_by": held_by, "ours": ours}


@pytest.mark.parametrize("event", [{"event": "news"}, {}, {"event": ""}])
def test_unknown_event_says_nothing(event: dict[str, Any]) -> None:
    assert state_after(event) == FRESH


def test_first_root_worker_to_start_starts_the_session() -> None:
    assert state_after({"event": "started"}, {"event": "started"}).started_at == 1.0


def test_waiting_for_a_caller_is_noted_from_its_beginning_to_its_end() -> None:
    state = state_after({"event": "listening"}, {"event": "called"}, {"event": "called"})
    assert (state.listening_at, state.called_at, state.started_at) == (1.0, 2.0, None)


def test_caller_of_a_server_has_come_when_its_pipeline_loads_the_hook() -> None:
    assert state_after({"event": "hooked"}).called_at is None
    assert state_after({"event": "listening"}, {"event": "hooked"}).called_at == 2.0
    late = state_after({"event": "listening", "at": 5.0}, {"event": "hooked", "at": 4.0})
    assert (late.listening_at, late.called_at) == (5.0, 5.0)


def test_guess_is_known_for_one() -> None:
    state = state_after({"event": "listening", "port": 80, "earliest": 120.0})
    assert (state.guessed_port, state.join_earliest, state.listens_on_loopback_only) == (80, 120.0, False)
    assert state_after({"event": "listening", "port": 80, "here_alone": True}).listens_on_loopback_only
    assert state_after({"event": "listening", "port": 80, "earliest": None}).guessed_port is None


def test_clients_are_told_of_where_any_root_worker_has_a_transport_that_does() -> None:
    assert not state_after({"event": "started", "clients": False}).has_clients
    assert state_after({"event": "started", "clients": True}, {"event": "started", "clients": False}).has_clients


def test_last_activity_is_kept_whenever_it_is_told() -> None:
    assert state_after({"event": "active", "at": 7.0}, {"event": "active", "at": 5.0}).active_at == 7.0


def test_first_root_worker_to_finish_is_the_conversation() -> None:
    assert state_after(finished("EndFrame"), finished("CancelFrame")).finish == Finish(
        "EndFrame", None, is_ours=False, at=1.0
    )


def test_end_frame_is_followed_to_who_holds_it() -> None:
    state = state_after(hop("EndFrame", "A#0"), hop("EndFrame", "B#0"))
    assert (state.end_held_by, state.has_end_in_flight, state.own_end) == ("B#0", True, OwnEnd("EndFrame", None, 1.0))


def test_end_frame_that_came_out_is_held_by_nobody() -> None:
    assert state_after(hop("EndFrame", "A#0"), hop("EndFrame", None)).end_held_by is None


def test_our_own_frame_is_no_end_of_the_bots() -> None:
    assert state_after(hop("EndFrame", "A#0", ours=True)).own_end is None


def test_cancel_that_had_to_be_forced_is_recorded_as_such() -> None:
    state = SessionState(began=0.0, rungs=(Rung(Step.CANCEL_FRAME, 7.0),))
    took = {"event": "took", "step": "ForcedCancelFrame"}
    assert state_after(took, state=state).rungs == (Rung(Step.FORCED_CANCEL_FRAME, 7.0),)


IN_ALL = {"event": "dangling", "count": 2, "names": ["a", "b"]}
MANAGED = {"event": "dangling", "managed": 1, "names": ["a"]}


@pytest.mark.parametrize(
    ("events", "left"),
    [
        pytest.param([IN_ALL, MANAGED], DanglingTasks(2, ("a", "b"), 1), id="both are told"),
        pytest.param([MANAGED, IN_ALL], DanglingTasks(2, ("a", "b"), 1), id="in whatever order"),
        pytest.param([MANAGED], DanglingTasks(1, ("a",), None), id="nobody knows of the others"),
        pytest.param([IN_ALL], DanglingTasks(2, ("a", "b"), None), id="nobody knows which are Pipecat's"),
        pytest.param([MANAGED, MANAGED | {"count": 1}], DanglingTasks(1, ("a",), 0), id="all are Pipecat's"),
        pytest.param(
            [MANAGED | {"count": 0, "names": []}], DanglingTasks(1, (), 0), id="gone a moment after it was seen"
        ),
    ],
)
def test_dangling_tasks_are_put_together_from_what_each_side_sees(
    events: list[dict[str, Any]], left: DanglingTasks
) -> None:
    assert state_after(*events).dangling == left


CAME, LEFT = {"event": "client"}, {"event": "left"}


@pytest.mark.parametrize(
    ("events", "left_at"),
    [
        pytest.param([CAME, LEFT], 2.0, id="the client left"),
        pytest.param([CAME, LEFT, CAME], None, id="it came back"),
        pytest.param([CAME, LEFT, CAME, LEFT], 4.0, id="and left again"),
        pytest.param([CAME, hop("EndFrame", "A#0"), LEFT], None, id="the bot's own end closes connections too"),
        pytest.param([CAME, finished("EndFrame"), LEFT], None, id="and so does the end of its pipeline"),
        pytest.param([CAME, LEFT, hop("EndFrame", "A#0")], 2.0, id="an end that comes after does not"),
    ],
)
def test_client_has_left_where_nothing_else_had_closed_its_connection(
    events: list[dict[str, Any]], left_at: float | None
) -> None:
    assert state_after(*events).left_at == left_at


def test_client_that_leaves_while_the_session_ends_changes_nothing_but_the_farewell() -> None:
    asked = replace(FRESH, request=Request(Cause.DELETED, Mode.GRACEFUL, 0.5, 30.0, 10.0))
    assert state_after(CAME, LEFT, state=asked).left_at is None


@pytest.mark.parametrize("state", ["Queued", "Voiced", "Speaking"])
def test_client_that_leaves_during_the_farewell_has_not_heard_it(state: str) -> None:
    events = ({"event": "farewell", "state": state}, LEFT, {"event": "farewell", "state": "Spoken"})
    assert state_after(*events).farewell is Farewell.CLIENT_GONE


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(replace(FRESH, rungs=(Rung(Step.FORCED_CANCEL_FRAME, 0.5),)), id="ours"),
        pytest.param(replace(FRESH, own_end=OwnEnd("CancelFrame", None, 1.5)), id="the bot's"),
    ],
)
def test_cancel_closes_connections_and_nobody_has_left(state: SessionState) -> None:
    state = state_after({"event": "farewell", "state": "Speaking"}, LEFT, state=state)
    assert (state.farewell, state.left_at) == (Speech.SPEAKING, None)


@pytest.mark.parametrize("state", ["Spoken", "Silent", "Interrupted"])
def test_client_that_leaves_after_it_does_not_take_it_back(state: str) -> None:
    assert state_after({"event": "farewell", "state": state}, LEFT).farewell is Speech(state)


def test_farewell_that_was_not_given_says_why() -> None:
    assert state_after({"event": "farewell", "refused": "NoTTS"}).farewell is Farewell.NO_TTS


def test_only_fatal_errors_are_remembered() -> None:
    error = {"event": "error", "message": "m"}
    assert state_after({**error, "fatal": False}).fatal_error is None
    assert state_after({**error, "fatal": True}).fatal_error == "m"
