"""What a report tells in words: the message, where the bot was stuck, and what became of the farewell."""

from dataclasses import replace

import pytest

from botsession_contract.lifecycle import Farewell, Step
from botsession_runtime.memory import Memory
from botsession_runtime.report import build_report, farewell_of, stuck_at
from botsession_runtime.report_message import message_of
from botsession_runtime.result import Result
from botsession_runtime.session_state import Exit, Request, Rung, SessionState, Speech
from tests.session_states import (
    ASKED,
    FORCED,
    KILLED,
    LEFT,
    OWN_END,
    REQUEST,
    RUNNING,
    SAID,
    STARTING,
    STARVED,
    TERMINATE,
    TERMINATED,
    UNHOOKED,
    UNSEEN,
    UNWATCHED,
    USED,
    ended,
    wall,
)


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
