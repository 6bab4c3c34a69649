"""Why a session ended, and how: what is concluded from what is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from botsession_contract.lifecycle import Cause, Farewell, Mode, Outcome, Reason, Step
from botsession_contract.report import Timings
from botsession_runtime.end_reason import outcome_of, reason_of
from botsession_runtime.memory import Memory
from botsession_runtime.pipelines import Finish, OwnEnd
from botsession_runtime.report import build_report, farewell_of, stuck_at
from botsession_runtime.report_message import message_of
from botsession_runtime.result import Result
from botsession_runtime.session_state import Exit, Request, Rung, SessionState, Speech

BEGAN = 100.0
RUNNING = SessionState(began=BEGAN, hooked_at=101.0, imported_at=101.0, started_at=102.0, exit=Exit(0, 200.0))
STARTING = replace(RUNNING, started_at=None)
UNHOOKED = replace(STARTING, hooked_at=None, imported_at=None)
REQUEST = Request(Cause.MAX_DURATION, Mode.GRACEFUL, 150.0, 30.0, 10.0)
ASKED = replace(RUNNING, request=REQUEST, rungs=(Rung(Step.END_FRAME, 150.0),))
FORCED = replace(ASKED, rungs=(*ASKED.rungs, Rung(Step.FORCED_CANCEL_FRAME, 180.0)), end_held_by="Blackhole#0")
KILLED = replace(FORCED, rungs=(*FORCED.rungs, Rung(Step.KILL, 190.0)), exit=Exit(-9, 191.0))
UNSEEN = "the hook was loaded in process 42 and could not reach the supervisor"
UNWATCHED = replace(RUNNING, hooked_at=None, unwatched=UNSEEN)
TERMINATE = Rung(Step.TERMINATE, 150.0)
USED, UNUSED = Memory(1, 256 << 20, 255 << 20), Memory(0, 256 << 20, 99 << 20)
STARVED = replace(RUNNING, exit=Exit(-9, 200.0), memory=USED)
TERMINATED = replace(STARTING, request=REQUEST, rungs=(Rung(Step.TERMINATE, 150.0),), exit=Exit(-15, 151.0))
#: A server, whose bot was over at 160 s.
TOLD_TO_GO = Rung(Step.TERMINATE, 162.0)

#: The caller hung up at 155 s.
LEFT = replace(RUNNING, client_at=103.0, left_at=155.0)
LEFT_EARLY = replace(LEFT, started_at=None, is_over=True)
SAID = replace(ASKED, request=replace(REQUEST, farewell="Goodbye!"))

#: It had begun to end by itself at 150 s, and crashed.
OWN_END = replace(
    RUNNING,
    request=Request(Cause.BOT_ENDED, Mode.GRACEFUL, 150.0, 30.0, 10.0),
    rungs=(Rung(Step.END_FRAME, 150.0),),
    own_end=OwnEnd("EndFrame", "evaluation complete", 150.0),
    exit=Exit(-11, 155.0),
)


def wall(moment: float) -> datetime:
    return datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=moment)


def ended(state: SessionState, frame: str, reason: str | None = None, *, ours: bool = False) -> SessionState:
    return replace(state, finish=Finish(frame, reason, ours, 160.0))


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


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param(UNWATCHED, UNSEEN, id="nobody saw the pipeline"),
        pytest.param(
            replace(UNHOOKED, cleared="process 7 (python3) was started without PIPECAT_SETUP_FILES"),
            "the bot exited with code 0 and Pipecat never loaded the hook: "
            "process 7 (python3) was started without PIPECAT_SETUP_FILES",
            id="something had cleared its environment",
        ),
        pytest.param(
            replace(UNHOOKED, has_returned=True, cleared="process 7 (python3) was started without X"),
            "the bot exited with code 0 and Pipecat never loaded the hook: process 7 (python3) was started without X",
            id="its child's environment was cleared",
        ),
        pytest.param(
            replace(
                UNHOOKED, is_target=False, request=REQUEST, rungs=(TERMINATE,), expected_port=8080, other_ports=(7860,)
            ),
            "no caller had connected: the bot listened on port 7860, but callers use port 8080 (expose.port)",
            id="it listened on another port",
        ),
        pytest.param(
            replace(
                UNHOOKED,
                listening_at=105.0,
                request=REQUEST,
                rungs=(TERMINATE,),
                expected_port=8080,
                other_ports=(80, 90),
            ),
            "no caller had connected to port 8080 (expose.port); the bot listened on ports 80 and 90 too",
            id="it listened on other ports too",
        ),
        pytest.param(
            replace(UNHOOKED, is_target=False, exit=Exit(3, 200.0), expected_port=8080, other_ports=(7860,)),
            "the bot exited with code 3 before its pipeline had started; no caller had connected: "
            "the bot listened on port 7860, but callers use port 8080 (expose.port)",
            id="it listened on another port and left",
        ),
        pytest.param(
            replace(UNWATCHED, exit=Exit(3, 200.0)), f"the bot exited with code 3; {UNSEEN}", id="nobody saw it fail"
        ),
        pytest.param(
            replace(RUNNING, lost_at=150.0),
            "the process that ran the pipeline ended before the pipeline had finished",
            id="its process is gone",
        ),
        pytest.param(
            replace(ended(ASKED, "EndFrame", ours=True), advice="there is no frame class UserTalkingFrame"),
            "there is no frame class UserTalkingFrame",
            id="a limit could not be judged as the spec says",
        ),
        pytest.param(
            replace(ended(RUNNING, "EndFrame", "caller hung up"), result=Result(trouble="the result was refused: why")),
            "caller hung up; the result was refused: why",
            id="what was handed over is no result",
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
            OWN_END,
            "evaluation complete; the bot was ended by SIGSEGV before its pipeline had finished",
            id="it crashed while it ended by itself",
        ),
        pytest.param(
            replace(ASKED, exit=Exit(1, 155.0)),
            "the bot exited with code 1 before its pipeline had finished",
            id="it crashed when it was asked to end",
        ),
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
        pytest.param(
            replace(UNHOOKED, listening_at=101.0, exit=Exit(3, 150.0)),
            "the bot exited with code 3 before its pipeline had started; no caller had connected",
            id="a server that left before anybody called",
        ),
        pytest.param(
            replace(TERMINATED, hooked_at=None, imported_at=None, listening_at=101.0, guessed_port=8000),
            "no caller had connected to port 8000, on which the bot listened",
            id="a port that nobody named",
        ),
        pytest.param(
            replace(TERMINATED, hooked_at=None, imported_at=None, listening_at=101.0, listens_on_loopback_only=True),
            "no caller had connected: the bot listened only on 127.0.0.1, which callers outside its pod cannot reach",
            id="a server that nobody could call",
        ),
        pytest.param(
            replace(ended(RUNNING, "CancelFrame"), fatal_error="key refused"),
            "fatal error: key refused",
            id="a fatal error before Pipecat 1.8",
        ),
        pytest.param(ended(LEFT, "CancelFrame"), None, id="the reason says that the client left"),
        pytest.param(
            ended(LEFT, "CancelFrame", "idle timeout"), "the client had left", id="the reason says something else"
        ),
        pytest.param(
            STARVED,
            "the bot was ended by SIGKILL before its pipeline had finished; the kernel killed the bot for its memory: "
            "the container has a limit of 256 MiB and used at most 255 MiB",
            id="the kernel took it",
        ),
        pytest.param(
            replace(STARVED, hooked_at=None, imported_at=None, started_at=None, memory=Memory(1)),
            "the bot was ended by SIGKILL before its pipeline had started; the kernel killed the bot for its memory: "
            "the container has no limit",
            id="the kernel took it before there was a hook",
        ),
        pytest.param(
            ended(STARVED, "EndFrame"),
            "the kernel killed the bot for its memory: the container has a limit of 256 MiB and used at most 255 MiB",
            id="the kernel took it from its own work after the end",
        ),
        pytest.param(
            replace(RUNNING, exit=Exit(1, 200.0), memory=Memory(2, 256 << 20)),
            "the bot exited with code 1 before its pipeline had finished; the kernel had killed 2 processes of the "
            "container for memory: the container has a limit of 256 MiB",
            id="a lost child may be why it failed",
        ),
        pytest.param(
            replace(RUNNING, exit=Exit(1, 200.0), memory=USED),
            "the bot exited with code 1 before its pipeline had finished; the kernel had killed a process of the "
            "container for memory: the container has a limit of 256 MiB and used at most 255 MiB",
            id="one lost child",
        ),
        pytest.param(
            replace(ended(RUNNING, "EndFrame"), memory=USED), None, id="a lost child that the bot could do without"
        ),
    ],
)
def test_message(state: SessionState, message: str | None) -> None:
    assert message_of(state) == message


@pytest.mark.parametrize("asked", [None, REQUEST])
def test_every_bot_that_never_met_the_hook_is_told_what_to_look_at(asked: Request | None) -> None:
    rungs = (Rung(Step.TERMINATE, 150.0),) if asked else ()
    state = replace(UNHOOKED, is_target=False, request=asked, rungs=rungs)
    assert "is PIPECAT_SETUP_FILES passed on to it?" in (message_of(state) or "")


@pytest.mark.parametrize(
    ("state", "place"),
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
def test_where_it_was_stuck(state: SessionState, place: str | None) -> None:
    assert stuck_at(state) == place


def farewell(progress: Speech | Farewell | None, state: SessionState = SAID) -> SessionState:
    return replace(state, farewell=progress)


def drained(progress: Speech | None) -> SessionState:
    return ended(farewell(progress), "EndFrame", ours=True)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(RUNNING, None, id="nobody asked it to end"),
        pytest.param(ended(ASKED, "EndFrame", ours=True), Farewell.NOT_CONFIGURED, id="there is none"),
        pytest.param(drained(Speech.SPOKEN), Farewell.SPOKEN, id="the output played it"),
        pytest.param(drained(Speech.SPEAKING), Farewell.SPOKEN, id="what was queued behind it came out"),
        pytest.param(drained(Speech.VOICED), Farewell.SYNTHESIZED, id="no output was seen to play it"),
        pytest.param(drained(Speech.QUEUED), Farewell.NO_SOUND, id="it went through, and no sound came of it"),
        pytest.param(drained(Speech.SILENT), Farewell.NO_SOUND, id="the TTS was done with it, and made no sound"),
        pytest.param(drained(Speech.INTERRUPTED), Farewell.INTERRUPTED, id="the caller spoke"),
        pytest.param(farewell(Speech.SPOKEN, KILLED), Farewell.NOT_CONFIGURED, id="none in the request"),
        pytest.param(ended(farewell(Speech.SPEAKING), "CancelFrame", ours=True), Farewell.CUT_SHORT, id="cancelled"),
        pytest.param(ended(farewell(Speech.QUEUED), "EndFrame"), Farewell.CUT_SHORT, id="the bot's own end won"),
        pytest.param(farewell(Speech.SPEAKING), Farewell.CUT_SHORT, id="killed"),
        pytest.param(farewell(Speech.SPOKEN), Farewell.SPOKEN, id="killed after it had been spoken"),
        pytest.param(SAID, Farewell.CUT_SHORT, id="a bot that is blocked never came to it"),
        *(
            pytest.param(farewell(why), why, id=f"not given: {why}")
            for why in (Farewell.NO_CLIENT, Farewell.CLIENT_GONE, Farewell.NO_TTS, Farewell.ALREADY_ENDING)
        ),
        pytest.param(replace(SAID, rungs=()), Farewell.IMMEDIATE, id="no EndFrame was queued"),
        pytest.param(replace(TERMINATED, request=SAID.request), Farewell.NOT_STARTED, id="it had not started"),
        pytest.param(
            replace(TERMINATED, request=SAID.request, started_at=SAID.started_at),
            Farewell.NOT_STARTED,
            id="it started when it had been told to leave",
        ),
        pytest.param(
            ended(replace(SAID, rungs=()), "EndFrame"), Farewell.ALREADY_ENDING, id="it had ended before it was asked"
        ),
    ],
)
def test_what_became_of_the_farewell(state: SessionState, expected: Farewell | None) -> None:
    assert farewell_of(state) is expected


def test_report_tells_of_the_farewell_and_of_the_client() -> None:
    report = build_report(replace(drained(Speech.SPOKEN), left_at=140.0), wall, 200.0)
    assert report.ending is not None
    assert (report.ending.farewell, report.client_disconnected_at) == (Farewell.SPOKEN, wall(140.0))


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
