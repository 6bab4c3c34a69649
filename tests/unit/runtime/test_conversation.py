"""What events say of what the caller got, and that no secret comes through."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from botsession_contract import conversation as contract
from botsession_contract.conversation import MAX_PROCESSORS, ProcessorErrors
from botsession_contract.launch import Launch
from botsession_contract.lifecycle import ProcessorKind
from botsession_runtime.conversation import Conversation
from botsession_runtime.final_report import conversation_of
from botsession_runtime.reducers import apply_event
from botsession_runtime.report import build_report
from botsession_runtime.session_state import SessionState

ZERO = datetime(2026, 1, 31, tzinfo=UTC)
FRESH = SessionState(began=0.0)


def wall(moment: float) -> datetime:
    return ZERO + timedelta(seconds=moment)


def state_after(*events: dict[str, Any], state: SessionState = FRESH) -> SessionState:
    for number, event in enumerate(events):
        state = apply_event(state, {"at": float(number + 1), **event})
    return state


def errors(message: str, count: int = 1, kind: str = "STT", processor: str | None = "FarSTT") -> dict[str, Any]:
    return {
        "event": "errors",
        "kind": kind,
        "processor": processor,
        "category": None,
        "count": count,
        "message": message,
    }


@pytest.mark.parametrize(("outputs", "has_audio"), [([False], False), ([False, True], True), ([True, False], True)])
def test_audio_is_played_where_any_pipeline_does(outputs: list[bool], has_audio: bool) -> None:
    assert state_after(*({"event": "audio", "output": each} for each in outputs)).conversation.has_audio is has_audio


def test_the_first_sound_stays_the_first() -> None:
    assert state_after({"event": "sounded"}, {"event": "sounded"}).conversation.first_sound_at == 1.0


def test_turns_are_totals_that_never_fall() -> None:
    state = state_after({"event": "turns", "bot": 3, "caller": 1}, {"event": "turns", "bot": 2, "caller": 4})
    assert (state.conversation.bot_turns, state.conversation.caller_turns) == (3, 4)


def test_errors_are_kept_by_processor_with_the_first_and_the_last() -> None:
    state = state_after(errors("a"), errors("b", 7), errors("c", kind="TTS", processor="ToneTTS"), errors("d", 9))
    assert state.conversation.errors == (
        ProcessorErrors(ProcessorKind.STT, 9, "FarSTT", None, "a", "d"),
        ProcessorErrors(ProcessorKind.TTS, 1, "ToneTTS", None, "c"),
    )


def test_the_same_words_are_kept_once() -> None:
    assert state_after(errors("a"), errors("a", 2)).conversation.errors[0].last_message is None


def test_no_number_of_processors_fills_the_report() -> None:
    state = state_after(*(errors("a", processor=f"STT{number}") for number in range(99)))
    assert len(state.conversation.errors) == MAX_PROCESSORS + 1


def test_before_a_pipeline_has_started_nothing_is_told() -> None:
    assert build_report(FRESH, wall, 1.0).conversation is None


def test_times_are_told_by_the_wall_clock() -> None:
    state = replace(FRESH, conversation=Conversation(has_audio=True, first_sound_at=7.5, bot_turns=2))
    expected = contract.Conversation(has_audio=True, first_sound_at=wall(7.5), bot_turns=2)
    assert build_report(state, wall, 9.0).conversation == expected


def test_words_of_errors_have_no_secrets_and_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STT_API_KEY", "correct-horse-battery")
    launch = Launch(namespace="bots", name="s", token_sha256="")
    shown = conversation_of(
        state_after(errors("key correct-horse-battery\x1b[2J"), errors("x" * 3000, 2)), launch, wall
    )
    assert shown
    (found,) = shown.errors
    assert found.first_message == "key [redacted]\\x1b[2J"
    assert len(found.last_message or "") < 600
