import json
from pathlib import Path

import pytest

from botsession_operator.cli.render.timeline import Entry
from botsession_operator.cli.run.caller_process import CallerProcess
from tests.builders import NOW, later


class Caller:
    """A caller whose lines are given to it, and what it showed."""

    def __init__(self) -> None:
        self.shown: list[Entry] = []
        self.process = CallerProcess((), Path("unused"), self.shown.append)

    def say(self, **line: object) -> None:
        self.process.handle_line(json.dumps(line), NOW)


@pytest.fixture
def caller() -> Caller:
    return Caller()


def test_first_event_sets_the_callers_clock(caller: Caller) -> None:
    caller.say(at=1.0, event="connected")
    caller.say(at=3.5, event="said", detail="hello")
    assert caller.shown == [Entry(NOW, "caller", "connected"), Entry(later(2.5), "caller", "said: hello")]


def test_event_before_the_last_one_is_kept_for_afterwards(caller: Caller) -> None:
    caller.say(at=3.0, event="closed", detail="bot")
    caller.say(at=1.0, event="heard", detail="good day")
    assert caller.process.late_entries == [Entry(later(-2), "caller", "heard: good day")]
    assert len(caller.shown) == 1


def test_event_without_a_time_is_shown_now(caller: Caller) -> None:
    caller.say(event="dialling")
    assert caller.shown == [Entry(NOW, "caller", "dialling")]


@pytest.mark.parametrize("line", ["Ringing …", "42", "[1]", '{"at": '])
def test_line_that_is_no_json_object_is_shown_as_it_is(line: str, caller: Caller) -> None:
    caller.process.handle_line(line, NOW)
    assert caller.shown == [Entry(NOW, "caller", line)]


def test_result_names_the_recording_and_is_not_shown(caller: Caller) -> None:
    caller.say(recording="call.wav", seconds=3)
    assert caller.process.recording == "call.wav"
    assert caller.shown == []


def test_result_without_a_recording_names_none(caller: Caller) -> None:
    caller.say(recording=None)
    assert caller.process.recording is None


async def test_caller_that_cannot_be_started_has_failed(tmp_path: Path) -> None:
    shown: list[Entry] = []
    caller = CallerProcess(("true",), tmp_path / "no folder" / "log", shown.append)
    await caller.run()
    assert caller.has_failed
    assert "could not be started" in shown[0].text
