from dataclasses import replace
from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Cause, Mode, Outcome, Phase, Reason, ReportedBy, Step
from botsession_contract.report import DanglingTasks, Stage, StepTaken
from botsession_operator.api.status import (
    Condition,
    ConditionStatus,
    ConditionType,
    EndingStatus,
    Finish,
    Status,
    TimingsStatus,
)
from botsession_operator.cli.render.timeline import Entry, countdown, entries, summary
from tests.builders import NOW, ago, later

PENDING = Status(Phase.PENDING, 1)
STARTING = Status(Phase.STARTING, 1)
RUNNING = Status(Phase.RUNNING, 1, started_at=ago(10), deadline=later(50))
CONNECTED = replace(RUNNING, client_connected_at=ago(5))
MAX_DURATION = EndingStatus(Cause.MAX_DURATION, Mode.GRACEFUL, ago(3))
ENDING = replace(RUNNING, phase=Phase.ENDING, ending_at=ago(3), ending=MAX_DURATION)
QUEUED, STOPPED = StepTaken(Step.END_FRAME, ago(2)), StepTaken(Step.KILL, ago(1.5))
STEPPED = replace(ENDING, ending=replace(MAX_DURATION, steps=(QUEUED,)))
KILLED_LATE = replace(ENDING, ending=replace(MAX_DURATION, steps=(QUEUED, STOPPED)))
DRAINED = replace(
    STEPPED,
    phase=Phase.SUCCEEDED,
    finish=Finish(Reason.MAX_DURATION, Outcome.DRAINED, ReportedBy.RUNTIME, frame="EndFrame"),
    finished_at=ago(1),
    duration="9s",
    timings=TimingsStatus(pipeline_started=1.5, drained=0.25),
    dangling_tasks=DanglingTasks(),
)
KILLED = replace(
    KILLED_LATE,
    phase=Phase.FAILED,
    finish=Finish(Reason.MAX_DURATION, Outcome.KILLED, ReportedBy.RUNTIME, message="was killed", stuck_at="bot.py:7"),
    finished_at=ago(1),
    dangling_tasks=DanglingTasks(2, ("poller", "listen")),
)
REFUSED = replace(
    PENDING,
    conditions=(
        Condition(ConditionType.POD_CREATED, ConditionStatus.FALSE, "StartFailed", "no such folder", ago(1), 1),
    ),
)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(None, PENDING, [(NOW, "Pending", "the session is accepted")], id="the first status"),
        pytest.param(PENDING, PENDING, [], id="nothing new"),
        pytest.param(
            PENDING, STARTING, [(NOW, "Starting", "the supervisor runs, the bot imports Pipecat")], id="a start"
        ),
        pytest.param(
            STARTING,
            RUNNING,
            [(ago(10), "Running", "the pipeline runs; maxSessionDuration ends it in 1m")],
            id="a pipeline starts at its own time",
        ),
        pytest.param(RUNNING, CONNECTED, [(ago(5), "client", "connected to the bot")], id="a client connects"),
        pytest.param(
            RUNNING,
            STEPPED,
            [
                (ago(3), "Ending", "Graceful end: MaxDuration"),
                (ago(2), "step", "EndFrame queued: the bot finishes what it is saying"),
            ],
            id="an end is told before its first step",
        ),
        pytest.param(
            STEPPED,
            KILLED_LATE,
            [(ago(1.5), "step", "SIGKILL to the bot, after a dump of its stacks")],
            id="a later step",
        ),
        pytest.param(
            STEPPED,
            DRAINED,
            [
                (ago(2.75), "frame", "EndFrame ended the pipeline"),
                (ago(1), "Succeeded", "MaxDuration / Drained"),
            ],
            id="the last frame has the time at which the pipeline was drained",
        ),
        pytest.param(
            ENDING,
            replace(
                KILLED_LATE,
                phase=Phase.SUCCEEDED,
                finish=Finish(Reason.COMPLETED, Outcome.DRAINED, ReportedBy.RUNTIME, frame="EndFrame"),
                finished_at=ago(1),
                conversation_ended_at=ago(1.75),
            ),
            [
                (ago(2), "step", "EndFrame queued: the bot finishes what it is saying"),
                (ago(1.75), "frame", "EndFrame ended the pipeline"),
                (ago(1.5), "step", "SIGKILL to the bot, after a dump of its stacks"),
                (ago(1), "Succeeded", "Completed / Drained"),
            ],
            id="a process that went on after its conversation was killed later",
        ),
        pytest.param(
            ENDING,
            replace(RUNNING, deadline=later(30)),
            [(NOW, "Running", "the next pipeline runs; maxSessionDuration ends it in 30s")],
            id="a next pipeline starts now, and has what is left of the session's time",
        ),
        pytest.param(
            ENDING,
            KILLED,
            [
                (ago(2), "step", "EndFrame queued: the bot finishes what it is saying"),
                (ago(1.5), "step", "SIGKILL to the bot, after a dump of its stacks"),
                (ago(1), "Failed", "MaxDuration / Killed: was killed"),
            ],
            id="steps that are learned of at the end are told before it",
        ),
        pytest.param(
            None,
            REFUSED,
            [(NOW, "trouble", "StartFailed: no such folder"), (NOW, "Pending", "the session is accepted")],
            id="a pod that is refused",
        ),
        pytest.param(REFUSED, REFUSED, [], id="the same refusal again"),
    ],
)
def test_change_of_status_is_told(before: Status | None, after: Status, told: list[tuple[object, str, str]]) -> None:
    assert list(entries(before, after, NOW)) == [Entry(*each) for each in told]  # type: ignore[arg-type]  # a table


def test_every_step_has_words() -> None:
    for step in Step:
        status = replace(ENDING, ending=replace(MAX_DURATION, steps=(StepTaken(step, NOW),)))
        assert [entry.subject for entry in entries(ENDING, status, NOW)] == ["step"]


def test_frame_of_a_bot_that_ended_itself_has_the_time_of_the_finish() -> None:
    by_itself = replace(DRAINED, ending=None, ending_at=None)
    assert next(entries(RUNNING, by_itself, NOW)).at == by_itself.finished_at


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(None, "", id="no status"),
        pytest.param(STARTING, "Starting", id="before the pipeline starts"),
        pytest.param(RUNNING, "Running for 10s; maxSessionDuration ends it in 50s", id="running"),
        pytest.param(ENDING, "Ending for 3s", id="ending"),
        pytest.param(DRAINED, "", id="over"),
    ],
)
def test_countdown(status: Status | None, text: str) -> None:
    assert countdown(status, NOW) == text


def test_countdown_follows_the_clock() -> None:
    assert countdown(RUNNING, NOW + timedelta(seconds=20)) == "Running for 30s; maxSessionDuration ends it in 30s"


def test_summary_of_a_good_end() -> None:
    assert dict(summary(DRAINED)) == {
        "reason": "MaxDuration",
        "outcome": "Drained",
        "conversation": "9s",
        "started in": "1.50 s",
        "drained in": "250 ms",
    }


def test_summary_of_a_bad_end() -> None:
    assert dict(summary(KILLED)) == {
        "reason": "MaxDuration",
        "outcome": "Killed",
        "stuck at": "bot.py:7",
        "tasks left behind": "2 (poller, listen)",
    }


@pytest.mark.parametrize(
    ("result", "shown"), [({"booked": True, "note": "grüezi"}, '{"booked": true, "note": "grüezi"}'), (0, "0")]
)
def test_summary_shows_the_result(result: object, shown: str) -> None:
    assert dict(summary(replace(DRAINED, result=result)))["result"] == shown


def test_summary_of_a_session_that_is_not_over_is_empty() -> None:
    assert list(summary(RUNNING)) == []


def test_stages_of_a_conversation_are_listed_when_it_is_over() -> None:
    stages = (Stage("who-is-there", "StopFrame", 2.5, "a person"), Stage("menu", "EndFrame", 0.25))
    told = dict(summary(replace(DRAINED, stages=stages)))
    assert told["stages before"] == "who-is-there (StopFrame, 2.50 s), menu (EndFrame, 250 ms)"
    assert "stages before" not in dict(summary(DRAINED))
