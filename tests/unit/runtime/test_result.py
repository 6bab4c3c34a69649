"""How a result gets from a bot to its supervisor."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import botsession_runtime
from botsession_contract.result import RESULT_FILE_ENV, ResultError
from botsession_runtime import set_result
from botsession_runtime.result import MAX_BYTES_READ, Result, create_file, path_of, read


@pytest.fixture(params=["memfd_create", "tempfile"])
def file(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[int]:
    """Return the file of a session that this process is the bot of, with files in memory and without."""
    if request.param == "tempfile":
        monkeypatch.delattr(os, "memfd_create")
    made = create_file()
    monkeypatch.setenv(RESULT_FILE_ENV, path_of(made))
    yield made
    os.close(made)


def test_result_that_is_handed_over_arrives(file: int) -> None:
    set_result({"booked": True})
    assert read(file) == Result({"booked": True})


def test_the_last_result_counts_also_where_it_is_the_shorter_one(file: int) -> None:
    set_result({"booked": True})
    set_result([])
    assert read(file) == Result([])


def test_none_takes_back_what_was_handed_over(file: int) -> None:
    set_result({"booked": True})
    set_result(None)
    assert read(file) == Result()


def test_nothing_is_handed_over_where_nothing_was_written(file: int) -> None:
    assert read(file) == Result()


def test_result_that_is_refused_leaves_the_one_before(file: int) -> None:
    set_result("kept")
    with pytest.raises(ResultError):
        set_result(float("nan"))
    assert read(file) == Result("kept")


def test_program_in_any_language_may_lay_out_its_json_as_it_likes(file: int) -> None:
    Path(path_of(file)).write_text('{\n  "booked": true,\n  "note": "' + "n" * 1000 + '"\n}' + "\n" * 3000)
    assert read(file) == Result({"booked": True, "note": "n" * 1000})


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b'{"booked": tr', "what was written to BOTSESSION_RESULT_FILE is not JSON"),
        (b"\xff", "what was written to BOTSESSION_RESULT_FILE is not JSON"),
        (b"[" * 5000, "what was written to BOTSESSION_RESULT_FILE is not JSON"),
        (b"NaN", "a session's result must be JSON: Out of range float values are not JSON compliant"),
        (b'"' + b"r" * 2048 + b'"', "a session's result may take 2048 bytes as compact JSON; this takes 2050"),
        (b" " * (MAX_BYTES_READ + 1) + b"1", "its file is larger than 64 KiB"),
    ],
)
def test_what_was_not_taken_is_told(file: int, written: bytes, why: str) -> None:
    Path(path_of(file)).write_bytes(written)
    value, trouble = read(file)
    assert value is None
    assert str(trouble).startswith(f"the result was refused: {why}")


def test_outside_of_a_session_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RESULT_FILE_ENV, raising=False)
    set_result({"booked": True})


def test_outside_of_a_session_what_cannot_be_kept_is_refused_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RESULT_FILE_ENV, raising=False)
    with pytest.raises(ResultError):
        set_result({"when": object()})


def test_package_itself_is_read_by_an_interpreter_that_is_too_old_for_the_rest() -> None:
    """The supervisor begins with whatever python3 an image has, and looks for another one."""
    loaded = "import sys, botsession_runtime; print([name for name in sys.modules if 'botsession' in name])"
    source = Path(botsession_runtime.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", loaded], env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=True
    )
    assert found.stdout == "['botsession_runtime']\n"
