"""The gate for what the bot's side writes, and that nothing behind it can fail on what came through."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from botsession_contract.json_codec import encode
from botsession_contract.launch import Launch
from botsession_contract.lifecycle import Cause, Farewell, Mode, Step
from botsession_contract.report import LARGEST_REPORT_BYTES, ExitReport, from_bytes
from botsession_contract.text import has_controls
from botsession_runtime.events import MAX_NAME_LENGTH, MAX_TEXT_LENGTH, NoEventError, read_event
from botsession_runtime.final_report import final_report
from botsession_runtime.hook.ipc import DUMP_SIGNAL
from botsession_runtime.ladder import next_rung
from botsession_runtime.reducers import apply_event
from botsession_runtime.session_state import Exit, Request, Rung, SessionState, Speech
from tests.crd import CRD

BEGAN, NOW = 100.0, 200.0
STATUS: Final = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
SCHEMA: Final = Draft202012Validator(STATUS)
ORDERS: Final = Launch(namespace="tests", name="session", token_sha256="")
#: A good event of each kind, as the hook and the launcher write them.
GOOD: Final[list[dict[str, Any]]] = [
    {"event": "hooked", "pipecat": "1.14.0"},
    {"event": "imported"},
    {"event": "dumpable", "pid": 4711, "signal": int(DUMP_SIGNAL), "thread": 2**63},
    {"event": "listening", "port": 7860},
    {"event": "listening", "port": None},
    {"event": "called"},
    {"event": "started", "clients": True},
    {"event": "client"},
    {"event": "left"},
    {"event": "farewell", "refused": "NoTTS"},
    {"event": "farewell", "state": "Queued"},
    {"event": "active"},
    {"event": "prompted"},
    {"event": "advice", "message": "spec.idle.frames: none"},
    {"event": "idle"},
    {"event": "timeout", "what": "setup"},
    {"event": "hop", "frame": "EndFrame", "ours": False, "held_by": None},
    {"event": "finished", "frame": "EndFrame", "reason": None, "ours": True},
    {"event": "took", "step": "EndFrame"},
    {"event": "failed", "message": "no bot"},
    {"event": "crashed", "message": "ValueError: x (bot.py:1 in bot)"},
    {"event": "quit", "message": "no key"},
    {"event": "quit", "message": None},
    {"event": "speaks", "root": 2},
    {"event": "error", "message": "no quota", "fatal": True},
    {"event": "audio", "output": True},
    {"event": "sounded"},
    {"event": "turns", "bot": 3, "caller": 2},
    {"event": "errors", "kind": "TTS", "processor": "ToneTTS", "category": "quota", "count": 2, "message": "no quota"},
    {"event": "errors", "kind": "Other", "processor": None, "category": None, "count": 1, "message": "ValueError"},
    {"event": "unwatched", "pid": 42},
    {"event": "over"},
    {"event": "serving"},
    {"event": "returned"},
    {"event": "dangling", "managed": 1, "names": ["a"]},
    {"event": "dangling", "count": 1, "names": ["a"]},
    {"event": "trouble", "message": "KeyError"},
]


def read(event: Any) -> dict[str, Any] | None:
    return read_event(json.dumps(event).encode(), BEGAN, NOW)


def wall(moment: float) -> datetime:
    return datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=moment)


@pytest.mark.parametrize("event", GOOD, ids=lambda event: event["event"])
def test_what_the_hook_says_comes_through_as_it_is(event: dict[str, Any]) -> None:
    through = read(event | {"at": 150.5})
    assert through is not None
    assert through | event | {"at": 150.5} == through


def test_event_of_a_newer_hook_is_passed_over() -> None:
    assert read({"event": "sang", "at": 150.0}) is None


@pytest.mark.parametrize(
    ("at", "taken"), [(1e300, NOW), (-1e300, BEGAN), (0, BEGAN), (150, 150.0), (2**60, NOW), (float("inf"), NOW)]
)
def test_time_is_one_of_this_session(at: float, taken: float) -> None:
    assert read({"event": "idle", "at": at}) == {"event": "idle", "at": taken}


@pytest.mark.parametrize("at", [float("nan"), 10**400, True, "1", None, [], {}])
def test_what_is_no_time_makes_no_event(at: Any) -> None:
    with pytest.raises(NoEventError):
        read({"event": "idle", "at": at})


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"1",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b'"event"',
        b"[" * 100_000,
        b'{"event": {}, "at": 1}',
        b"1" * 9999,
    ],
    ids=lambda line: repr(line[:20]),
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(NoEventError):
        read_event(line, BEGAN, NOW)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "dumpable", "pid": pid, "signal": signal, "thread": 1}
        for pid, signal in [(1, DUMP_SIGNAL), (0, DUMP_SIGNAL), (-1, DUMP_SIGNAL), (2**40, DUMP_SIGNAL), (4711, 9)]
    ],
    ids=repr,
)
def test_supervisor_signals_one_process_with_one_signal(event: dict[str, Any]) -> None:
    with pytest.raises(NoEventError):
        read(event | {"at": 150})


def test_texts_and_lists_are_cut() -> None:
    failed = read({"event": "failed", "message": "x" * 9999, "at": 150})
    dangling = read({"event": "dangling", "names": ["x" * 9999] * 99, "at": 150})
    assert failed is not None
    assert dangling is not None
    assert len(failed["message"]) == MAX_TEXT_LENGTH
    assert [len(name) for name in dangling["names"]] == [MAX_NAME_LENGTH] * 20


WORDS = st.sampled_from([*{event["event"] for event in GOOD}, *Speech, *Farewell, *Step, "EndFrame", "CancelFrame"])
TEXTS = st.text(alphabet=st.characters(codec=None), max_size=30)
NUMBERS = st.floats() | st.integers() | st.integers(min_value=-(10**400), max_value=10**400)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | TEXTS,
    lambda inner: st.lists(inner, max_size=25) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from([*{name for event in GOOD for name in event}, "at"])
#: Good events with some of their fields, and their times, replaced.
EVENTS = st.builds(
    lambda good, at, bad: good | at | bad,
    st.sampled_from(GOOD),
    st.fixed_dictionaries({"at": NUMBERS}),
    st.dictionaries(FIELDS, VALUES, max_size=2),
)


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=12), st.integers(min_value=-64, max_value=255))
def test_whatever_a_bot_says_its_report_fits_into_a_status(events: list[Any], code: int) -> None:
    state = SessionState(began=BEGAN)
    for event in events:
        try:
            state = apply_event(state, read(event) or {"event": ""})
        except NoEventError:
            continue
    report, data = final_report(replace(state, exit=Exit(code, NOW)), ORDERS, wall, NOW)
    assert len(data) <= LARGEST_REPORT_BYTES
    assert "could not put" not in (report.message or "")
    assert not list(SCHEMA.iter_errors(status_of(from_bytes(data))))
    assert not any(has_controls(text) for text in texts_of(from_bytes(data)))


@settings(max_examples=200)
@given(st.lists(EVENTS, max_size=12), st.sampled_from(Mode))
def test_whatever_a_bot_says_its_ladder_ends_in_a_kill(events: list[Any], mode: Mode) -> None:
    state = SessionState(began=BEGAN, request=Request(Cause.END_REQUESTED, mode, BEGAN, 30.0, 10.0))
    steps = []
    for event in [*events, *[None] * 8]:
        if (rung := next_rung(state, 30.0)) is not None:
            state = replace(state, rungs=(*state.rungs, Rung(rung.step, rung.at)))
            steps.append(rung.step)
        try:
            state = apply_event(state, read(event) or {"event": ""})
        except NoEventError:
            continue
    assert steps[-1] is Step.KILL
    assert len(steps) <= 5


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_refused(line: bytes) -> None:
    try:
        event = read_event(line, BEGAN, NOW)
    except NoEventError:
        return
    assert event is None or BEGAN <= event["at"] <= NOW


def status_of(report: ExitReport) -> dict[str, Any]:
    """Return what of a report goes into a status as it is."""
    whole = encode(report)
    finish = {"reason", "outcome", "frame", "message", "exitCode", "stuckAt"}
    beside = {"danglingTasks", "timings", "prompts", "ending", "startedAt"}
    kept = {name: value for name, value in whole.items() if name in beside}
    kept["finish"] = {name: value for name, value in whole.items() if name in finish} | {"reportedBy": "Runtime"}
    return kept | {"phase": "Failed", "observedGeneration": 1}


def texts_of(report: ExitReport) -> list[str]:
    """Return the texts that the bot had a say in."""
    texts = (report.frame, report.message, report.stuck_at, *report.dangling_tasks.names)
    return [text for text in texts if text]
