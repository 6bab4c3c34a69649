"""The exit report always fits where the kubelet keeps it, and never loses a fact to a text."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.jsonform import PayloadError
from botsession_contract.lifecycle import Cause, Farewell, Mode, Outcome, Reason, Step
from botsession_contract.report import (
    LARGEST_REPORT_BYTES,
    MOST_TASK_NAMES,
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
    """Give as much of a text as a result may hold."""
    return next(text[:length] for length in range(len(text), 0, -1) if is_result(text[:length]))


NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
TIMES = ("finished_at", "started_at", "client_connected_at", "client_disconnected_at")
FACTS = ("reason", "outcome", "exit_code", "timings", "ending", "result", "prompts", *TIMES)
#: Any code point, lone surrogates too: a task may be named with one.
ANYTHING = st.text(st.characters(), max_size=3000)
MOMENTS = st.datetimes(timezones=st.just(UTC))
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
        st.integers(0, 10**6),
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
    # Strings take a result to its bound, with each way in which JSON writes them.
    result=JSON.filter(is_result) | st.builds(str.__mul__, st.sampled_from("aä\x00🌍"), st.just(2046)).map(filling),
)


@given(REPORTS)
def test_any_report_fits_and_is_json(report: ExitReport) -> None:
    raw = to_bytes(report)
    assert len(raw) <= LARGEST_REPORT_BYTES
    json.loads(raw.decode("utf-8"))


@given(REPORTS)
def test_no_fact_is_ever_lost(report: ExitReport) -> None:
    kept = from_bytes(to_bytes(report))
    assert [getattr(kept, fact) for fact in FACTS] == [getattr(report, fact) for fact in FACTS]
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
    assert len(kept.dangling_tasks.names) <= MOST_TASK_NAMES


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


def test_report_from_a_newer_supervisor_is_read() -> None:
    report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, NOW)
    newer = json.loads(to_bytes(report)) | {"mood": "good"}
    assert from_bytes(json.dumps(newer)) == dataclasses.replace(report)
