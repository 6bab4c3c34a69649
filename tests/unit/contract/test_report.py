"""The exit report always fits where the kubelet keeps it, and never loses a fact to a text."""

import dataclasses
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.conversation import LARGEST_COUNT, MAX_PROCESSORS, Conversation, ProcessorErrors
from botsession_contract.json_codec import FIRST_YEAR, LAST_YEAR, PayloadError
from botsession_contract.lifecycle import Cause, Farewell, Mode, Outcome, ProcessorKind, Reason, Step
from botsession_contract.report import (
    LARGEST_REPORT_BYTES,
    MAX_TASK_NAMES,
    DanglingTasks,
    Ending,
    ExitReport,
    Prompts,
    StepTaken,
    Timings,
    from_bytes,
    to_bytes,
)
from botsession_contract.result import LARGEST_RESULT_BYTES, ResultError, to_json


def is_result(value: Any) -> bool:
    try:
        return bool(to_json(value))
    except ResultError:
        return False


def filling(text: str) -> str:
    """Return as much of a text as a result may hold."""
    return next(text[:length] for length in range(len(text), 0, -1) if is_result(text[:length]))


NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
TIMES = ("finished_at", "started_at", "client_connected_at", "client_disconnected_at")
FACTS = ("reason", "outcome", "exit_code", "timings", "ending", "result", "prompts", *TIMES)
#: Any code point, lone surrogates too: a task may be named with one.
ANYTHING = st.text(st.characters(), max_size=3000)
MOMENTS = st.datetimes(datetime(FIRST_YEAR, 1, 1), datetime(LAST_YEAR, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
SECONDS = st.none() | st.floats(0, 1e6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
)
REPORTS = st.builds(
    ExitReport,
    reason=st.sampled_from(Reason),
    outcome=st.sampled_from(Outcome),
    finished_at=MOMENTS,
    frame=st.none() | ANYTHING,
    message=st.none() | ANYTHING,
    exit_code=st.none() | st.integers(0, 255),
    stuck_at=st.none() | ANYTHING,
    dangling_tasks=st.builds(
        DanglingTasks,
        st.integers(10**6, 10**7),
        st.lists(ANYTHING, max_size=30).map(tuple),
        st.none() | st.integers(0, 10**6),
    ),
    timings=st.builds(Timings, SECONDS, SECONDS, SECONDS),
    started_at=st.none() | MOMENTS,
    client_connected_at=st.none() | MOMENTS,
    ending=st.none()
    | st.builds(
        Ending,
        st.sampled_from(Cause),
        st.sampled_from(Mode),
        MOMENTS,
        st.lists(st.builds(StepTaken, st.sampled_from(Step), MOMENTS), max_size=4).map(tuple),
        st.none() | st.sampled_from(Farewell),
    ),
    client_disconnected_at=st.none() | MOMENTS,
    prompts=st.none() | st.builds(Prompts, st.integers(1, 10**6), MOMENTS),
    conversation=st.none()
    | st.builds(
        Conversation,
        st.none() | st.booleans(),
        st.none() | MOMENTS,
        st.integers(0, LARGEST_COUNT),
        st.integers(0, LARGEST_COUNT),
        st.lists(
            st.builds(
                ProcessorErrors,
                st.sampled_from(ProcessorKind),
                st.integers(0, LARGEST_COUNT),
                *[st.none() | ANYTHING] * 4,
            ),
            max_size=MAX_PROCESSORS + 1,
        ).map(tuple),
    ),
    # Strings take a result to its bound, with each way in which JSON writes them.
    result=JSON.filter(is_result) | st.builds(str.__mul__, st.sampled_from("aä\x00🌍"), st.just(2046)).map(filling),
)


MOMENT = "2026-01-31T09:30:00Z"


def ending(**members: Any) -> dict[str, Any]:
    return {"cause": "MaxDuration", "mode": "Graceful", "requestedAt": MOMENT, **members}


def altered(**members: Any) -> bytes:
    """Return a report with other members, as its bot may have written them."""
    return json.dumps({"reason": "Completed", "outcome": "Drained", "finishedAt": MOMENT, **members}).encode()


@given(REPORTS)
def test_any_report_fits_and_is_json(report: ExitReport) -> None:
    raw = to_bytes(report)
    assert len(raw) <= LARGEST_REPORT_BYTES
    json.loads(raw.decode("utf-8"))


@given(REPORTS)
def test_no_fact_is_ever_lost(report: ExitReport) -> None:
    kept = from_bytes(to_bytes(report))
    assert [getattr(kept, fact) for fact in FACTS] == [getattr(report, fact) for fact in FACTS]
    assert (kept.conversation is None) == (report.conversation is None)
    if kept.conversation and report.conversation:
        assert replace(kept.conversation, errors=()) == replace(report.conversation, errors=())
    left, told = kept.dangling_tasks, report.dangling_tasks
    assert (left.count, left.unmanaged) == (told.count, told.unmanaged)


@given(REPORTS)
def test_writing_again_what_was_read_changes_nothing(report: ExitReport) -> None:
    raw = to_bytes(report)
    assert to_bytes(from_bytes(raw)) == raw


def test_report_that_fits_is_kept_whole() -> None:
    report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, NOW, message="fine", stuck_at="P#0")
    assert from_bytes(to_bytes(report)) == report


def test_names_go_before_texts_are_shortened() -> None:
    names = tuple(f"{number:03}" * 40 for number in range(25))
    report = ExitReport(
        Reason.COMPLETED, Outcome.DRAINED, NOW, message="m" * 1000, dangling_tasks=DanglingTasks(25, names)
    )
    kept = from_bytes(to_bytes(report))
    assert kept.message == report.message
    assert kept.dangling_tasks.names == names[: len(kept.dangling_tasks.names)]
    assert len(kept.dangling_tasks.names) <= MAX_TASK_NAMES


def test_errors_go_after_names_and_before_the_message_is_shortened() -> None:
    names = tuple(f"{number:03}" * 40 for number in range(20))
    errors = tuple(ProcessorErrors(ProcessorKind.STT, number, "STT", None, "f" * 150, "l" * 150) for number in range(9))
    report = ExitReport(
        Reason.COMPLETED,
        Outcome.DRAINED,
        NOW,
        message="m" * 1000,
        result="r" * 1000,
        dangling_tasks=DanglingTasks(20, names),
        conversation=Conversation(errors=errors),
    )
    kept = from_bytes(to_bytes(report))
    assert kept.message == report.message
    assert kept.dangling_tasks.names == ()
    assert kept.conversation
    assert kept.conversation.errors == errors[: len(kept.conversation.errors)]
    assert 0 < len(kept.conversation.errors) < len(errors)


def test_text_that_is_too_long_says_so() -> None:
    report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, NOW, message="ä" * 5000)
    kept = from_bytes(to_bytes(report)).message
    assert kept is not None
    assert kept.endswith("…")


def test_a_result_is_kept_whole_where_texts_are_shortened() -> None:
    result = "r" * (LARGEST_RESULT_BYTES - 2)
    report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, NOW, message="m" * 1000, stuck_at="s" * 1000, result=result)
    kept = from_bytes(to_bytes(report))
    assert kept.result == result
    assert (kept.message, kept.stuck_at) != (report.message, report.stuck_at)


@pytest.mark.parametrize(
    "result", ["9" * 30, "1e999", "[" * 1500 + "]" * 1500, f'"{LARGEST_RESULT_BYTES * "r"}"'], ids=lambda text: text[:9]
)
def test_report_with_a_result_that_no_status_could_hold_is_refused(result: str) -> None:
    raw = to_bytes(ExitReport(Reason.COMPLETED, Outcome.DRAINED, NOW, result="here")).replace(
        b'"here"', result.encode()
    )
    with pytest.raises(PayloadError):
        from_bytes(raw)


@pytest.mark.parametrize("raw", [b"", b"OOM", b"\xff", b'{"reason":"Completed"}', b"[]"])
def test_what_is_no_report_is_refused(raw: bytes) -> None:
    with pytest.raises(PayloadError):
        from_bytes(raw)


@pytest.mark.parametrize("member", ["finishedAt", "startedAt", "clientConnectedAt"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z"])
def test_a_report_with_a_time_at_the_end_of_the_calendar_is_refused(member: str, moment: str) -> None:
    with pytest.raises(PayloadError, match=member):
        from_bytes(altered(**{member: moment}))


@pytest.mark.parametrize(
    "members",
    [
        {"timings": {"drained": 1e300}},
        {"timings": {"botImported": 10**18}},
        {"exitCode": 2**31},
        {"danglingTasks": {"count": -1}},
        {"danglingTasks": {"count": 1, "unmanaged": 2}},
        {"danglingTasks": {"count": 2**31}},
        {"prompts": {"count": 2**40, "lastAt": "2026-01-31T09:30:00Z"}},
        {"conversation": {"botTurns": -1}},
        {"conversation": {"callerTurns": 2**31}},
        {"conversation": {"errors": [{"kind": "STT", "count": -5}]}},
        {"conversation": {"errors": [{"kind": "STT", "count": 1}] * 10}},
    ],
    ids=str,
)
def test_a_report_with_a_number_that_no_status_could_hold_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        from_bytes(altered(**members))


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 400])
def test_a_report_with_what_is_no_number_is_refused(number: str) -> None:
    raw = altered(timings={"drained": 12345}).replace(b"12345", number.encode())
    with pytest.raises(PayloadError):
        from_bytes(raw)


@pytest.mark.parametrize("raw", [b"[" * 4000, b'{"result":' + b"[" * 3000, b"\x80{}", b'{"a":1} trailing'])
def test_no_bytes_raise_anything_but_a_payload_error(raw: bytes) -> None:
    with pytest.raises(PayloadError):
        from_bytes(raw)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_whatever_bytes_are_read_nothing_but_a_payload_error_is_raised(raw: bytes | str) -> None:
    with pytest.raises(PayloadError):
        from_bytes(raw)


def test_what_attacks_a_terminal_is_taken_out_of_a_report_and_its_lines_are_kept() -> None:
    hostile = "first\r\nsecond\t\x1b]52;c;cm0gLXJm\x07\x9b31m\x00\u202etxt\ud800"
    report = from_bytes(altered(message=hostile, stuckAt=hostile, danglingTasks={"count": 1, "names": [hostile]}))

    assert report.message == "first\nsecond\t" + r"\x1b]52;c;cm0gLXJm\x07\x9b31m\x00\u202etxt\ud800"
    assert report.stuck_at == report.dangling_tasks.names[0] == report.message


def test_a_result_is_read_as_it_was_written_control_characters_too() -> None:
    assert from_bytes(altered(result={"text": "\x1b[0m\r\n"})).result == {"text": "\x1b[0m\r\n"}


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"reason": "Rebalanced"}, "reason Rebalanced"),
        ({"outcome": "Evaporated"}, "outcome Evaporated"),
        ({"ending": ending(cause="Moved")}, "ending.cause Moved"),
        ({"ending": ending(mode="Slow")}, "ending.mode Slow"),
        ({"ending": ending(farewell="Sung")}, "ending.farewell Sung"),
        ({"ending": ending(steps=[{"step": "Ask", "at": MOMENT}])}, "ending.steps[0].step Ask"),
    ],
    ids=str,
)
def test_a_word_of_another_version_is_unknown_and_told_and_never_makes_it_no_report(
    members: dict[str, Any], word: str
) -> None:
    report = from_bytes(altered(message="over", **members))

    assert report.message == f"over; the supervisor is of another version: {word}"
    assert report.finished_at == NOW


def test_unknown_words_stand_for_nothing_that_is_known() -> None:
    report = from_bytes(altered(reason="Rebalanced", outcome="Evaporated", ending=ending(cause="Moved")))

    assert (report.reason, report.outcome) == (Reason.UNKNOWN, Outcome.UNKNOWN)
    assert report.ending
    assert report.ending.cause is Cause.UNKNOWN


def test_report_from_a_newer_supervisor_is_read() -> None:
    report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, NOW)
    newer = json.loads(to_bytes(report)) | {"mood": "good"}
    assert from_bytes(json.dumps(newer)) == dataclasses.replace(report)
