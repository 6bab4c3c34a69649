"""What a bot said of its end, where the frame that ended its pipeline does not say it."""

from dataclasses import replace

import pytest

from botsession_contract.launch import Launch
from botsession_contract.lifecycle import Cause, Mode, Reason, Step
from botsession_runtime.end_reason import reason_of
from botsession_runtime.end_requests import with_bots_own_end
from botsession_runtime.pipelines import Finish, OwnEnd
from botsession_runtime.reducers import apply_event
from botsession_runtime.report_message import message_of
from botsession_runtime.session_state import Exit, SessionState

RUNNING = SessionState(began=100.0, hooked_at=101.0, imported_at=101.0, started_at=102.0, exit=Exit(0, 200.0))
#: The bot ended its runner at 150 s, which cancelled its workers.
CANCELLED = replace(RUNNING, finish=Finish("CancelFrame", "runner exiting", False, 150.1))
SAID_GOODBYE = replace(CANCELLED, runner_end=OwnEnd("CancelFrame", "the caller said goodbye", 150.0))
#: A processor became unusable at 150 s.
UNUSABLE = replace(RUNNING, unusable="TTS#0: the key was refused", unusable_at=150.0)


def ended(state: SessionState, at: float, reason: str | None = None) -> SessionState:
    return replace(
        state, own_end=OwnEnd("EndFrame", reason, at), finish=Finish("EndFrame", reason, is_ours=False, at=at + 1)
    )


@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        pytest.param(SAID_GOODBYE, Reason.COMPLETED, "the caller said goodbye", id="a runner that was ended"),
        pytest.param(CANCELLED, Reason.BOT_CANCELLED, None, id="a runner that was cancelled"),
        pytest.param(
            replace(SAID_GOODBYE, client_at=103.0, left_at=149.0, runner_end=OwnEnd("CancelFrame", None, 150.0)),
            Reason.CLIENT_DISCONNECTED,
            None,
            id="a runner that was ended because the caller had left",
        ),
        pytest.param(
            replace(SAID_GOODBYE, crash="ValueError: no", crashed_at=150.2),
            Reason.BOT_ERROR,
            "ValueError: no",
            id="a runner that an exception took down",
        ),
        pytest.param(
            ended(UNUSABLE, 150.0), Reason.BOT_ERROR, "TTS#0: the key was refused", id="a processor that is unusable"
        ),
        pytest.param(
            ended(UNUSABLE, 149.95), Reason.BOT_ERROR, "TTS#0: the key was refused", id="and the frame told first"
        ),
        pytest.param(ended(UNUSABLE, 140.0), Reason.COMPLETED, None, id="an error while it was ending"),
        pytest.param(ended(UNUSABLE, 190.0), Reason.COMPLETED, None, id="an error long ago"),
        pytest.param(ended(UNUSABLE, 150.0, "goodbye"), Reason.COMPLETED, "goodbye", id="a bot that gives a reason"),
        pytest.param(
            replace(ended(RUNNING, 150.0, "booked"), crash="ValueError: no", crashed_at=152.0),
            Reason.COMPLETED,
            "booked; ValueError: no, after the pipeline had finished",
            id="an exception after the end",
        ),
    ],
)
def test_session_is_what_its_bot_said(state: SessionState, reason: Reason, message: str | None) -> None:
    assert (reason_of(state), message_of(state)) == (reason, message)


def test_end_of_the_runner_is_learnt_once() -> None:
    first = apply_event(RUNNING, {"event": "ended", "reason": "booked", "at": 150.0})
    assert apply_event(first, {"event": "ended", "reason": None, "at": 151.0}).runner_end == OwnEnd(
        "CancelFrame", "booked", 150.0
    )


def test_error_of_a_processor_that_goes_on_is_no_reason_to_end() -> None:
    error = {"event": "error", "message": "a hiccup", "fatal": False, "unusable": None, "at": 150.0}
    assert apply_event(RUNNING, error).unusable is None
    assert apply_event(RUNNING, error | {"unusable": "TTS#0"}).unusable == "TTS#0: a hiccup"


def test_runner_that_the_bot_ends_begins_the_bots_own_ladder() -> None:
    cancelled = replace(SAID_GOODBYE, exit=None, own_end=OwnEnd("CancelFrame", "runner exiting", 150.05))
    state = with_bots_own_end(cancelled, Launch(namespace="tests", name="session", token_sha256=""))
    assert state.request is not None
    assert (state.request.cause, state.request.mode) == (Cause.BOT_ENDED, Mode.IMMEDIATE)
    assert [rung.step for rung in state.rungs] == [Step.CANCEL_FRAME]
