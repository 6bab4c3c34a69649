"""Why a session ended, and how: what is concluded from what is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from botsession_contract.lifecycle import Cause, Mode, Outcome, Reason, Step
from botsession_contract.report import Timings
from botsession_runtime.facts import Exit, Facts, Finish, Request, Rung
from botsession_runtime.report import conclude, message_of, outcome_of, reason_of, stuck_at

BEGAN = 100.0
RUNNING = Facts(began=BEGAN, hooked_at=101.0, imported_at=101.0, started_at=102.0, exit=Exit(0, 200.0))
STARTING = replace(RUNNING, started_at=None)
UNHOOKED = replace(STARTING, hooked_at=None, imported_at=None)
REQUEST = Request(Cause.MAX_DURATION, Mode.GRACEFUL, 150.0, 30.0, 10.0)
ASKED = replace(RUNNING, request=REQUEST, rungs=(Rung(Step.END_FRAME, 150.0),))
FORCED = replace(ASKED, rungs=(*ASKED.rungs, Rung(Step.FORCED_CANCEL_FRAME, 180.0)), end_held_by="Blackhole#0")
KILLED = replace(FORCED, rungs=(*FORCED.rungs, Rung(Step.KILL, 190.0)), exit=Exit(-9, 191.0))
TERMINATED = replace(STARTING, request=REQUEST, rungs=(Rung(Step.TERMINATE, 150.0),), exit=Exit(-15, 151.0))


def wall(moment: float) -> datetime:
    return datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=moment)


def ended(facts: Facts, frame: str, reason: str | None = None, *, ours: bool = False) -> Facts:
    return replace(facts, finish=Finish(frame, reason, ours, 160.0))


@pytest.mark.parametrize(
    ("facts", "reason", "outcome"),
    [
        pytest.param(ended(RUNNING, "EndFrame"), Reason.COMPLETED, Outcome.DRAINED, id="the bot said goodbye"),
        pytest.param(ended(RUNNING, "StopFrame"), Reason.COMPLETED, Outcome.DRAINED, id="the bot stopped"),
        pytest.param(ended(RUNNING, "CancelFrame"), Reason.BOT_CANCELLED, Outcome.CANCELLED, id="the bot cancelled"),
        pytest.param(
            ended(RUNNING, "CancelFrame", "idle timeout"), Reason.IDLE_TIMEOUT, Outcome.CANCELLED, id="it went idle"
        ),
        pytest.param(
            replace(ended(RUNNING, "EndFrame"), idle_at=158.0, own_end_at=158.1),
            Reason.IDLE_TIMEOUT,
            Outcome.DRAINED,
            id="the bot answered its idle timeout with an EndFrame",
        ),
        pytest.param(
            replace(ended(RUNNING, "EndFrame"), idle_at=110.0, own_end_at=158.1),
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
        pytest.param(replace(RUNNING, is_over=True), Reason.BOT_CANCELLED, Outcome.CANCELLED, id="cancelled at start"),
        pytest.param(RUNNING, Reason.BOT_EXITED, Outcome.LOST, id="gone in the middle"),
        pytest.param(STARTING, Reason.BOT_EXITED, Outcome.NEVER_STARTED, id="gone before the start"),
        pytest.param(
            replace(ended(ASKED, "EndFrame", ours=True), crash="ValueError: x"),
            Reason.MAX_DURATION,
            Outcome.DRAINED,
            id="a crash after the finish changes neither",
        ),
    ],
)
def test_why_and_how(facts: Facts, reason: Reason, outcome: Outcome) -> None:
    assert (reason_of(facts), outcome_of(facts)) == (reason, outcome)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        pytest.param(
            replace(ended(ASKED, "EndFrame", ours=True), advice="there is no frame class UserTalkingFrame"),
            "there is no frame class UserTalkingFrame",
            id="a limit could not be judged as the spec says",
        ),
        pytest.param(ended(RUNNING, "EndFrame"), None, id="nothing to say of a plain end"),
        pytest.param(ended(RUNNING, "EndFrame", "caller hung up"), "caller hung up", id="the bot's own words"),
        pytest.param(ended(ASKED, "EndFrame", "MaxDuration", ours=True), None, id="our own words are not repeated"),
        pytest.param(
            replace(ended(RUNNING, "EndFrame"), crash="ValueError: x"),
            "ValueError: x, after the pipeline had finished",
            id="a late crash",
        ),
        pytest.param(
            replace(ended(RUNNING, "EndFrame"), exit=Exit(2, 170.0)),
            "the bot exited with code 2 after its pipeline had finished",
            id="a late exit code",
        ),
        pytest.param(
            ended(KILLED, "EndFrame", ours=True),
            "the pipeline had finished, but the process did not exit and was killed",
            id="a hang after the end",
        ),
        pytest.param(KILLED, "the bot did not end when it was asked to and was killed", id="a kill"),
        pytest.param(
            replace(RUNNING, exit=Exit(-11, 170.0)),
            "the bot was ended by SIGSEGV before its pipeline had finished",
            id="a signal by its name",
        ),
        pytest.param(
            replace(UNHOOKED, has_returned=True), "the bot returned without running a Pipecat worker", id="no worker"
        ),
        pytest.param(
            replace(STARTING, timed_out="StartFrame"),
            "the pipeline did not start: its StartFrame did not get through within Pipecat's own timeout",
            id="a StartFrame that got stuck",
        ),
        pytest.param(TERMINATED, "the pipeline had not started", id="asked to end before it started"),
    ],
)
def test_message(facts: Facts, message: str | None) -> None:
    assert message_of(facts) == message


@pytest.mark.parametrize("asked", [None, REQUEST])
def test_every_bot_that_never_met_the_hook_is_told_what_to_look_at(asked: Request | None) -> None:
    rungs = (Rung(Step.TERMINATE, 150.0),) if asked else ()
    facts = replace(UNHOOKED, is_target=False, request=asked, rungs=rungs)
    assert "is PIPECAT_SETUP_FILES passed on to it?" in (message_of(facts) or "")


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        pytest.param(ended(FORCED, "CancelFrame", ours=True), "Blackhole#0", id="who held the EndFrame"),
        pytest.param(replace(KILLED, blocked_at="bot.py:3 in spin"), "bot.py:3 in spin", id="a blocked line is nearer"),
        pytest.param(ended(replace(ASKED, end_held_by="Last#0"), "EndFrame", ours=True), None, id="nobody, it drained"),
        pytest.param(
            replace(ended(RUNNING, "CancelFrame"), timed_out="CancelFrame", cancel_held_by="Deaf#0"),
            "Deaf#0",
            id="who held the CancelFrame",
        ),
    ],
)
def test_where_it_was_stuck(facts: Facts, place: str | None) -> None:
    assert stuck_at(facts) == place


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 3), (-9, 137), (-15, 143)])
def test_exit_code_is_the_shells(code: int, expected: int) -> None:
    assert conclude(replace(RUNNING, exit=Exit(code, 200.0)), wall, 200.0).exit_code == expected


def test_timings_count_from_the_start_and_from_the_request() -> None:
    report = conclude(ended(ASKED, "EndFrame", ours=True), wall, 200.0)
    assert report.timings == Timings(bot_imported=1.0, pipeline_started=2.0, drained=10.0)


def test_ending_lists_the_steps_with_their_times() -> None:
    ending = conclude(KILLED, wall, 200.0).ending
    assert ending is not None
    assert [taken.at for taken in ending.steps] == [wall(150.0), wall(180.0), wall(190.0)]
