"""The picture that `botsession describe` draws, and the moments below it."""

from datetime import datetime

import pytest

from botsession_contract.lifecycle import Cause, Farewell, Mode, Outcome, Phase, Reason, Step
from botsession_contract.report import DanglingTasks, Prompts
from botsession_operator.api.status import ConditionType, Status, TimingsStatus
from botsession_operator.cli.render.gantt import NARROWEST, WIDEST, bars, draw
from botsession_operator.cli.render.history import history
from tests.builders import unmet
from tests.sessions import CREATED, after, asked, finished, running, view

NOW = after(100)
LADDER = asked(
    Cause.MAX_DURATION,
    Mode.GRACEFUL,
    *(Step.END_FRAME, Step.FORCED_CANCEL_FRAME, Step.KILL),
    farewell=Farewell.CUT_SHORT,
)
STUCK = finished(
    Reason.MAX_DURATION,
    Outcome.KILLED,
    stuck_at="bot.py:42 in spin",
    ending=LADDER,
    client_connected_at=after(10),
    dangling_tasks=DanglingTasks(2, ("beat", "poll")),
)


def drawn(status: Status | None = None, now: datetime = NOW, width: int = 90) -> list[str]:
    return [line for line, _ in draw(bars(view(status), now), width)]


def bar(lines: list[str], label: str) -> tuple[int, int]:
    """Return where a bar begins, and how long it is, in characters."""
    (line,) = (each[20:] for each in lines if each.startswith(label))
    drawing = line[:60].rstrip("0123456789. smh…")
    return len(drawing) - len(drawing.lstrip()), len(drawing.strip())


def entries(status: Status | None = None, *events: dict[str, object]) -> list[tuple[str, str]]:
    return [(entry.subject, entry.text) for entry in history(view(status), events)]


def event(reason: str, message: str, seconds: int, kind: str = "Pod") -> dict[str, object]:
    return {
        "involvedObject": {"kind": kind},
        "reason": reason,
        "message": message,
        "lastTimestamp": f"2026-01-31T12:00:{seconds:02}Z",
    }


def test_each_stretch_of_a_finished_session_has_its_bar() -> None:
    labels = [line[:20].strip() for line in drawn(STUCK)]
    start = ["wait for a node", "image, container", "import of the bot", "start of pipeline"]
    assert labels == [*start, "conversation", "client connected", "ending", ""]


def test_bars_follow_one_another_on_one_line_of_time() -> None:
    lines = drawn(STUCK)
    talk, end = bar(lines, "conversation"), bar(lines, "ending")
    assert sum(talk) in (end[0], end[0] + 1)
    assert talk[1] > end[1] > bar(lines, "start of pipeline")[1] > 0


def test_length_of_each_stretch_stands_beside_it() -> None:
    lines = drawn(STUCK)
    assert lines[0].endswith("0.2 s")
    assert lines[4].endswith("55.0 s")
    assert "1m3s" in lines[-1]


def test_what_still_lasts_is_open() -> None:
    lines = drawn(running(), now=after(33))
    assert [line[:12] for line in lines if line.endswith("…")] == ["conversation"]


def test_import_is_told_apart_only_once_the_report_tells_when_it_was_over() -> None:
    timings = TimingsStatus(scheduled=0.2, pod_started=1.0, pipeline_started=3.0)
    assert [line[:16] for line in drawn(running(timings=timings))][2] == "import, pipeline"


def test_start_that_is_not_done_is_open() -> None:
    (line, _) = drawn(None, now=after(20))
    assert line.startswith("wait for a node")
    assert line.endswith("20.0 s…")


@pytest.mark.parametrize("width", [1, 40, 90, 400])
def test_picture_keeps_within_its_bounds_whatever_the_terminal(width: int) -> None:
    for line in drawn(STUCK, width=width):
        assert NARROWEST <= len(line) <= WIDEST + 40


def test_clock_that_is_behind_draws_no_bar_backwards() -> None:
    assert drawn(running(started_at=after(-5)), now=CREATED)


def test_moments_come_in_the_order_of_time() -> None:
    moments = [entry.at for entry in history(view(STUCK), [])]
    assert moments == sorted(moments)


def test_whole_way_down_is_told() -> None:
    subjects = [subject for subject, _ in entries(STUCK)]
    assert subjects == [
        *(Phase.PENDING, Phase.STARTING, Phase.STARTING, Phase.STARTING, Phase.RUNNING, "client", Phase.ENDING),
        *("step", "step", "step", "farewell", "trouble", "tasks", Phase.FAILED),
    ]


def test_last_moment_says_why_and_how_it_ended() -> None:
    assert entries(finished(message="said goodbye"))[-1] == (Phase.SUCCEEDED, "Completed / Drained: said goodbye")


def test_pull_of_the_image_comes_from_the_pods_events() -> None:
    pulled = event("Pulled", "Successfully pulled image in 2.1s", 1)
    assert ("image", "Successfully pulled image in 2.1s") in entries(running(), pulled)


def test_trouble_that_came_again_and_again_is_told_once() -> None:
    failed = event("Failed", "no such image", 1) | {"count": 4}
    assert ("trouble", "no such image (4 times)") in entries(running(), failed)


def test_events_that_only_repeat_the_status_are_left_out() -> None:
    quiet = [event("Scheduled", "assigned", 0), event("Started", "the pipeline has started", 3, kind="BotSession")]
    assert entries(running(), *quiet) == entries(running())


def test_session_that_waits_says_for_what() -> None:
    waiting = unmet(ConditionType.STARTED, "Unschedulable", "0/2 nodes are available")
    said = entries(Status(Phase.PENDING, 1, conditions=(waiting,)))
    assert ("waiting", "Unschedulable: 0/2 nodes are available") in said


def test_question_to_a_quiet_caller_is_told() -> None:
    asked_twice = finished(Reason.IDLE_TIMEOUT, Outcome.DRAINED, prompts=Prompts(2, after(50)))
    assert ("prompt", "the bot asks a quiet caller; 2 times in all") in entries(asked_twice)
