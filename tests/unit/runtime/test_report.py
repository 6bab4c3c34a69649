"""Why a session ended, and how: what is concluded from what is known."""

from dataclasses import replace

import pytest

from botsession_contract.lifecycle import Outcome, Reason, Step
from botsession_contract.report import Timings
from botsession_runtime.end_reason import outcome_of, reason_of
from botsession_runtime.pipelines import Finish, OwnEnd
from botsession_runtime.report import build_report
from botsession_runtime.session_state import Exit, Rung, SessionState
from tests.session_states import (
    ASKED,
    FORCED,
    KILLED,
    LEFT,
    LEFT_EARLY,
    OWN_END,
    REQUEST,
    RUNNING,
    STARTING,
    STARVED,
    TERMINATE,
    TERMINATED,
    TOLD_TO_GO,
    UNHOOKED,
    UNUSED,
    UNWATCHED,
    USED,
    ended,
    wall,
)


@pytest.mark.parametrize(
    ("state", "reason", "outcome"),
    [
        pytest.param(ended(RUNNING, "EndFrame"), Reason.COMPLETED, Outcome.DRAINED, id="the bot said goodbye"),
        pytest.param(UNWATCHED, Reason.COMPLETED, Outcome.UNWATCHED, id="nobody saw it, and its process was content"),
        pytest.param(
            replace(UNWATCHED, exit=Exit(3, 200.0)),
            Reason.BOT_EXITED,
            Outcome.UNWATCHED,
            id="nobody saw it, and its process was not content",
        ),
        pytest.param(
            replace(UNWATCHED, request=REQUEST, rungs=(Rung(Step.TERMINATE, 150.0),), exit=Exit(-15, 151.0)),
            Reason.MAX_DURATION,
            Outcome.UNWATCHED,
            id="nobody saw it, and it left when it was told to",
        ),
        pytest.param(
            replace(UNWATCHED, request=REQUEST, rungs=(TERMINATE, Rung(Step.KILL, 190.0)), exit=Exit(-9, 191.0)),
            Reason.MAX_DURATION,
            Outcome.KILLED,
            id="nobody saw it, and it did not leave",
        ),
        pytest.param(
            replace(RUNNING, lost_at=150.0), Reason.BOT_EXITED, Outcome.LOST, id="the process with the pipeline died"
        ),
        pytest.param(ended(RUNNING, "StopFrame"), Reason.COMPLETED, Outcome.DRAINED, id="the bot stopped"),
        pytest.param(ended(RUNNING, "CancelFrame"), Reason.BOT_CANCELLED, Outcome.CANCELLED, id="the bot cancelled"),
        pytest.param(
            ended(RUNNING, "CancelFrame", "idle timeout"), Reason.IDLE_TIMEOUT, Outcome.CANCELLED, id="it went idle"
        ),
        pytest.param(
            replace(ended(RUNNING, "EndFrame"), idle_at=158.0, own_end=OwnEnd("EndFrame", None, 158.1)),
            Reason.IDLE_TIMEOUT,
            Outcome.DRAINED,
            id="the bot answered its idle timeout with an EndFrame",
        ),
        pytest.param(
            replace(ended(RUNNING, "EndFrame"), idle_at=110.0, own_end=OwnEnd("EndFrame", None, 158.1)),
            Reason.COMPLETED,
            Outcome.DRAINED,
            id="an idle spell long ago is another story",
        ),
        pytest.param(
            ended(RUNNING, "CancelFrame", "fatal error: key refused"),
            Reason.BOT_ERROR,
            Outcome.CANCELLED,
            id="a fatal error",
        ),
        pytest.param(
            replace(ended(RUNNING, "CancelFrame"), fatal_error="key refused"),
            Reason.BOT_ERROR,
            Outcome.CANCELLED,
            id="a fatal error before Pipecat 1.8",
        ),
        pytest.param(
            ended(RUNNING, "CancelFrame", "TTS#0 can no longer do its job"),
            Reason.BOT_ERROR,
            Outcome.CANCELLED,
            id="a processor that became unusable",
        ),
        pytest.param(
            ended(RUNNING, "CancelFrame", "runner exiting"),
            Reason.BOT_CANCELLED,
            Outcome.CANCELLED,
            id="the bot ended its runner",
        ),
        pytest.param(
            replace(ended(RUNNING, "CancelFrame", "runner exiting"), exit=Exit(1, 170.0)),
            Reason.BOT_ERROR,
            Outcome.CANCELLED,
            id="an exception took the runner down",
        ),
        pytest.param(ended(ASKED, "EndFrame", ours=True), Reason.MAX_DURATION, Outcome.DRAINED, id="our EndFrame"),
        pytest.param(ended(ASKED, "EndFrame"), Reason.COMPLETED, Outcome.DRAINED, id="the bot's own EndFrame won"),
        pytest.param(ended(FORCED, "CancelFrame", ours=True), Reason.MAX_DURATION, Outcome.FORCED, id="forced out"),
        pytest.param(
            ended(FORCED, "EndFrame", ours=True),
            Reason.MAX_DURATION,
            Outcome.DRAINED,
            id="drained at the last moment",
        ),
        pytest.param(replace(FORCED, is_over=True), Reason.MAX_DURATION, Outcome.FORCED, id="forced out unseen"),
        pytest.param(KILLED, Reason.MAX_DURATION, Outcome.KILLED, id="killed"),
        pytest.param(
            ended(KILLED, "EndFrame", ours=True), Reason.MAX_DURATION, Outcome.DRAINED, id="killed after it had drained"
        ),
        pytest.param(TERMINATED, Reason.MAX_DURATION, Outcome.NEVER_STARTED, id="asked to end before it started"),
        pytest.param(
            replace(ended(RUNNING, "CancelFrame", "runner exiting"), rungs=(TOLD_TO_GO,), exit=Exit(143, 163.0)),
            Reason.BOT_CANCELLED,
            Outcome.CANCELLED,
            id="a server that was told to go is no failure",
        ),
        pytest.param(
            replace(ended(ASKED, "EndFrame"), rungs=(*ASKED.rungs, TOLD_TO_GO)),
            Reason.COMPLETED,
            Outcome.DRAINED,
            id="a server whose bot had ended itself",
        ),
        pytest.param(
            replace(UNHOOKED, failure="no file"), Reason.BOT_ERROR, Outcome.NEVER_STARTED, id="it cannot be run"
        ),
        pytest.param(
            replace(STARTING, crash="ValueError: x"), Reason.BOT_ERROR, Outcome.NEVER_STARTED, id="crashed early"
        ),
        pytest.param(replace(RUNNING, crash="ValueError: x"), Reason.BOT_ERROR, Outcome.LOST, id="crashed late"),
        pytest.param(
            replace(STARTING, timed_out="setup"), Reason.BOT_ERROR, Outcome.NEVER_STARTED, id="its setup took too long"
        ),
        pytest.param(
            replace(RUNNING, fatal_error="x", is_over=True),
            Reason.BOT_ERROR,
            Outcome.CANCELLED,
            id="a fatal error while it was starting",
        ),
        pytest.param(
            replace(ended(LEFT, "CancelFrame"), own_end=OwnEnd("EndFrame", None, 155.1)),
            Reason.CLIENT_DISCONNECTED,
            Outcome.CANCELLED,
            id="the caller hung up and the bot cancelled",
        ),
        pytest.param(
            replace(ended(LEFT, "CancelFrame"), own_end=OwnEnd("EndFrame", None, 199.0)),
            Reason.CLIENT_DISCONNECTED,
            Outcome.CANCELLED,
            id="the caller hung up and the bot had something to save first",
        ),
        pytest.param(
            replace(ended(LEFT, "EndFrame", "gone"), own_end=OwnEnd("EndFrame", None, 155.1)),
            Reason.CLIENT_DISCONNECTED,
            Outcome.DRAINED,
            id="the caller hung up and the bot ended gracefully",
        ),
        pytest.param(
            replace(ended(LEFT, "EndFrame"), own_end=OwnEnd("EndFrame", None, 199.0)),
            Reason.COMPLETED,
            Outcome.DRAINED,
            id="the caller hung up long before the bot was done",
        ),
        pytest.param(
            ended(LEFT, "CancelFrame", "runner exiting"),
            Reason.CLIENT_DISCONNECTED,
            Outcome.CANCELLED,
            id="the caller hung up and the bot ended its runner",
        ),
        pytest.param(
            ended(LEFT, "CancelFrame", "idle timeout"),
            Reason.IDLE_TIMEOUT,
            Outcome.CANCELLED,
            id="the caller hung up and the bot did not care",
        ),
        pytest.param(
            ended(LEFT, "CancelFrame", "fatal error: key refused"),
            Reason.BOT_ERROR,
            Outcome.CANCELLED,
            id="the caller hung up on a bot that was broken",
        ),
        pytest.param(
            replace(ended(LEFT, "CancelFrame"), request=REQUEST),
            Reason.CLIENT_DISCONNECTED,
            Outcome.CANCELLED,
            id="the caller hung up and we asked too late",
        ),
        pytest.param(
            ended(replace(ASKED, left_at=140.0), "EndFrame", ours=True),
            Reason.MAX_DURATION,
            Outcome.DRAINED,
            id="the caller hung up, and the time ran out",
        ),
        pytest.param(
            replace(LEFT, is_over=True), Reason.CLIENT_DISCONNECTED, Outcome.CANCELLED, id="hung up at the start"
        ),
        pytest.param(replace(RUNNING, is_over=True), Reason.BOT_CANCELLED, Outcome.CANCELLED, id="cancelled at start"),
        pytest.param(RUNNING, Reason.BOT_EXITED, Outcome.LOST, id="gone in the middle"),
        pytest.param(OWN_END, Reason.BOT_EXITED, Outcome.LOST, id="gone while it ended by itself"),
        pytest.param(
            replace(ASKED, exit=Exit(-11, 155.0)), Reason.MAX_DURATION, Outcome.LOST, id="gone when it was asked to end"
        ),
        pytest.param(STARTING, Reason.BOT_EXITED, Outcome.NEVER_STARTED, id="gone before the start"),
        pytest.param(
            LEFT_EARLY, Reason.CLIENT_DISCONNECTED, Outcome.NEVER_STARTED, id="its client left while it started"
        ),
        pytest.param(
            replace(LEFT_EARLY, exit=Exit(3, 200.0)),
            Reason.BOT_EXITED,
            Outcome.NEVER_STARTED,
            id="its client left while it started, and it failed",
        ),
        pytest.param(
            replace(LEFT_EARLY, crash="ValueError: x", is_over=False),
            Reason.BOT_ERROR,
            Outcome.NEVER_STARTED,
            id="its client left while it started, and it raised",
        ),
        pytest.param(
            replace(LEFT_EARLY, finish=Finish("CancelFrame", None, is_ours=False, at=190.0)),
            Reason.CLIENT_DISCONNECTED,
            Outcome.NEVER_STARTED,
            id="its client left while it started, and Pipecat told of the cancel",
        ),
        pytest.param(
            replace(ended(ASKED, "EndFrame", ours=True), crash="ValueError: x"),
            Reason.MAX_DURATION,
            Outcome.DRAINED,
            id="a crash after the finish changes neither",
        ),
        pytest.param(STARVED, Reason.OUT_OF_MEMORY, Outcome.KILLED, id="the kernel took it for its memory"),
        pytest.param(
            replace(STARVED, exit=Exit(137, 200.0)),
            Reason.OUT_OF_MEMORY,
            Outcome.KILLED,
            id="the kernel took it from the shell that ran it",
        ),
        pytest.param(
            replace(STARVED, started_at=None),
            Reason.OUT_OF_MEMORY,
            Outcome.NEVER_STARTED,
            id="starved while it started",
        ),
        pytest.param(
            replace(ASKED, exit=Exit(-9, 160.0), memory=USED),
            Reason.OUT_OF_MEMORY,
            Outcome.KILLED,
            id="starved while it drained",
        ),
        pytest.param(
            replace(KILLED, memory=USED), Reason.MAX_DURATION, Outcome.KILLED, id="our own kill is not the kernel's"
        ),
        pytest.param(
            replace(STARVED, memory=UNUSED), Reason.BOT_EXITED, Outcome.LOST, id="somebody else's kill is not either"
        ),
        pytest.param(
            replace(STARVED, memory=None), Reason.BOT_EXITED, Outcome.LOST, id="nothing is claimed that cannot be read"
        ),
        pytest.param(
            replace(STARVED, exit=Exit(1, 200.0)),
            Reason.BOT_EXITED,
            Outcome.LOST,
            id="the kernel took another of its processes",
        ),
        pytest.param(
            replace(ended(STARVED, "EndFrame")), Reason.COMPLETED, Outcome.DRAINED, id="starved when it had finished"
        ),
        pytest.param(
            replace(STARVED, is_over=True), Reason.BOT_CANCELLED, Outcome.CANCELLED, id="starved when it was over"
        ),
        pytest.param(
            replace(STARVED, crash="MemoryError"), Reason.BOT_ERROR, Outcome.KILLED, id="starved when it had crashed"
        ),
    ],
)
def test_why_and_how(state: SessionState, reason: Reason, outcome: Outcome) -> None:
    assert (reason_of(state), outcome_of(state)) == (reason, outcome)


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 3), (-9, 137), (-15, 143)])
def test_exit_code_is_the_shells(code: int, expected: int) -> None:
    assert build_report(replace(RUNNING, exit=Exit(code, 200.0)), wall, 200.0).exit_code == expected


def test_timings_count_from_the_start_and_from_the_request() -> None:
    report = build_report(ended(ASKED, "EndFrame", ours=True), wall, 200.0)
    assert report.timings == Timings(bot_imported=1.0, pipeline_started=2.0, drained=10.0)


def test_ending_lists_the_steps_with_their_times() -> None:
    ending = build_report(KILLED, wall, 200.0).ending
    assert ending is not None
    assert [taken.at for taken in ending.steps] == [wall(150.0), wall(180.0), wall(190.0)]
