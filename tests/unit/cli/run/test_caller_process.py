import json
from pathlib import Path

import pytest

from botsession_operator.cli.render.timeline import Entry
from botsession_operator.cli.run.caller_process import CallerProcess
from tests.builders import NOW, later


class Heard:
    """A companion whose lines are given to it, and what it showed."""

    def __init__(self) -> None:
        self.shown: list[Entry] = []
        self.companion = CallerProcess((), Path("unused"), self.shown.append)

    def hear(self, **line: object) -> None:
        self.companion.hear(json.dumps(line), NOW)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_first_event_sets_the_callers_clock(heard: Heard) -> None:
    heard.hear(at=1.0, event="connected")
    heard.hear(at=3.5, event="said", detail="hello")
    assert heard.shown == [Entry(NOW, "caller", "connected"), Entry(later(2.5), "caller", "said: hello")]


def test_event_before_the_last_one_is_kept_for_afterwards(heard: Heard) -> None:
    heard.hear(at=3.0, event="closed", detail="bot")
    heard.hear(at=1.0, event="heard", detail="good day")
    assert heard.companion.afterwards == [Entry(later(-2), "caller", "heard: good day")]
    assert len(heard.shown) == 1


def test_event_without_a_time_is_shown_now(heard: Heard) -> None:
    heard.hear(event="dialling")
    assert heard.shown == [Entry(NOW, "caller", "dialling")]


@pytest.mark.parametrize("line", ["Ringing …", "42", "[1]", '{"at": '])
def test_line_that_is_no_json_object_is_shown_as_it_is(line: str, heard: Heard) -> None:
    heard.companion.hear(line, NOW)
    assert heard.shown == [Entry(NOW, "caller", line)]


def test_result_names_the_recording_and_is_not_shown(heard: Heard) -> None:
    heard.hear(recording="call.wav", seconds=3)
    assert heard.companion.recording == "call.wav"
    assert heard.shown == []


def test_result_without_a_recording_names_none(heard: Heard) -> None:
    heard.hear(recording=None)
    assert heard.companion.recording is None


async def test_companion_that_cannot_be_started_has_failed(tmp_path: Path) -> None:
    shown: list[Entry] = []
    companion = CallerProcess(("true",), tmp_path / "no folder" / "log", shown.append)
    await companion.run()
    assert companion.has_failed
    assert "could not be started" in shown[0].text
