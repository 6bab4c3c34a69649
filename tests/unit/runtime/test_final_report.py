"""A report is written, whatever went wrong."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botsession_contract.launch import Launch
from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.report import DanglingTasks, from_bytes
from botsession_runtime.final_report import final_report, write_report
from botsession_runtime.pipelines import Finish
from botsession_runtime.result import Result, read
from botsession_runtime.session_state import Exit, SessionState

ORDERS = Launch(namespace="tests", name="session", token_sha256="")
STATE = SessionState(began=0.0, started_at=1.0, exit=Exit(0, 2.0))


def wall(moment: float) -> datetime:
    return datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=moment)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(replace(STATE, started_at=1e300), id="a time at no date"),
        pytest.param(replace(STATE, started_at=float("nan")), id="a time that is no number"),
        pytest.param(replace(STATE, crash=5), id="a message that is no text"),  # type: ignore[arg-type]
        pytest.param(replace(STATE, result=Result({1, 2})), id="a result that is no JSON"),
        pytest.param(replace(STATE, dangling=DanglingTasks(10**5000)), id="a count that does not fit"),
        pytest.param(replace(STATE, memory=()), id="state of another shape"),  # type: ignore[arg-type]
    ],
)
def test_whatever_is_wrong_with_the_facts_there_is_a_report(state: SessionState) -> None:
    _, data = final_report(state, ORDERS, wall, 3.0)
    assert from_bytes(data).outcome is Outcome.LOST


def test_report_that_could_not_be_put_together_says_so() -> None:
    report, _ = final_report(replace(STATE, started_at=1e300), ORDERS, wall, 3.0)
    assert (report.reason, report.outcome) == (Reason.UNKNOWN, Outcome.LOST)
    assert report.message == "the supervisor could not build its report (OverflowError)"


@pytest.mark.parametrize("depth", [10, 10_000])
def test_body_may_be_as_deep_as_it_likes(depth: int) -> None:
    body: Any = {"token": "sk-123456"}
    for _ in range(depth):
        body = [body]
    state = replace(STATE, finish=Finish("EndFrame", "used sk-123456", is_ours=False, at=2.0))
    report, _ = final_report(state, replace(ORDERS, body=body), wall, 3.0)
    assert report.message == "used [redacted]"


def test_texts_are_one_line_that_orders_nothing() -> None:
    state = replace(STATE, finish=Finish("End\x1bFrame", "bye\r\n\x1b[2J\x9b\ud800", is_ours=False, at=2.0))
    report, _ = final_report(state, ORDERS, wall, 3.0)
    assert (report.frame, report.message) == (r"End\x1bFrame", r"bye \x1b[2J\x9b\ud800")


def test_secret_is_found_before_control_characters_are_written_out() -> None:
    state = replace(STATE, finish=Finish("EndFrame", "used one\ntwo\x00three", is_ours=False, at=2.0))
    report, _ = final_report(state, replace(ORDERS, body={"token": "one\ntwo\x00three"}), wall, 3.0)
    assert report.message == "used [redacted]"


def test_report_takes_the_place_of_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("a forged report that is longer")
    write_report(str(path), b"report")
    assert path.read_bytes() == b"report"


def test_report_goes_into_a_file_and_not_into_what_a_link_leads_to(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "report", tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    path.symlink_to(elsewhere)
    write_report(str(path), b"report")
    assert (path.is_symlink(), path.read_bytes(), elsewhere.read_text()) == (False, b"report", "untouched")


def test_pipe_that_nobody_reads_does_not_keep_the_supervisor(tmp_path: Path) -> None:
    path = tmp_path / "report"
    os.mkfifo(path)
    write_report(str(path), b"report")
    assert path.read_bytes() == b"report"


@pytest.mark.parametrize("place", ["/dev/full", "/nowhere/report", "/proc/self/fd"])
def test_place_that_takes_no_report_raises_nothing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "unlink", lambda _: None)
    write_report(place, b"report")


def test_result_that_cannot_be_read_is_said() -> None:
    reading, writing = os.pipe()
    assert read(reading).trouble == "the result was refused: its file cannot be read: Illegal seek"
    os.close(reading)
    os.close(writing)
