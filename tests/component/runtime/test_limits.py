"""Idle and join limits, with the real supervisor and a bot that is quiet, busy or alone on demand."""

from pathlib import Path
from typing import Any

import pytest

from botsession_contract.control import SessionPatch, SessionSnapshot
from botsession_contract.lifecycle import Cause, Mode, Outcome, Reason, Step
from botsession_contract.report import ExitReport
from botsession_contract.session_limits import IdlePrompt, SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown
from tests.pipecats import every_pipecat, fact
from tests.supervision import AMPLE, Supervised, supervised

#: Longer than any test waits.
LONG = 3600.0
VOICES = ["UserSpeakingFrame", "BotSpeakingFrame"]


def talks(folder: Path, limits: SessionLimits, shutdown: Shutdown = AMPLE, **body: Any) -> Supervised:
    return supervised(folder, "talks.py", limits=limits, shutdown=shutdown, body=body)


def idle(seconds: float | None, **more: Any) -> SessionLimits:
    return SessionLimits(idle_timeout_seconds=seconds, **more)


def lasted(report: ExitReport) -> float:
    """Return how long the session was left alone."""
    assert report.ending is not None
    assert report.started_at is not None
    return (report.ending.requested_at - report.started_at).total_seconds()


async def adjust(session: Supervised, limits: SessionLimits) -> SessionSnapshot:
    return await session.patch(SessionPatch(limits=limits))


async def left_alone(session: Supervised, **more: Any) -> ExitReport:
    """Have the bot say all it has to say, however long that takes, before a second of silence is too long."""
    await session.logged("fell silent")
    await adjust(session, idle(1.0, **more))
    return await session.report()


async def test_no_show_ends_as_such(tmp_path: Path) -> None:
    limits = SessionLimits(join_timeout_seconds=0.5, idle_timeout_seconds=0.1)
    async with talks(tmp_path, limits, transport="reports") as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.NO_CLIENT, Outcome.DRAINED)
    assert report.ending is not None
    assert report.ending.cause is Cause.NO_CLIENT
    assert lasted(report) >= 0.5


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"transport": "reports", "client": 0.1}, id="a client came"),
        pytest.param({"transport": "silent"}, id="its transport would not say so"),
        pytest.param({}, id="it has no transport"),
    ],
)
async def test_session_is_no_no_show(tmp_path: Path, body: dict[str, Any]) -> None:
    async with talks(tmp_path, SessionLimits(LONG), **body) as session:
        await session.running()
        await session.until(lambda seen: "client" not in body or seen.client_connected_at is not None)
        await adjust(session, SessionLimits(0.1, 0.5))
        report = await session.report()
    assert report.reason is Reason.IDLE_TIMEOUT


@pytest.mark.parametrize("own", [None, 0.3, LONG], ids=["none", "shorter", "longer"])
async def test_idle_timeout_decides_whatever_the_bots_own_is(tmp_path: Path, own: float | None) -> None:
    async with talks(tmp_path, idle(1.5), own_idle=own) as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.IDLE_TIMEOUT, Outcome.DRAINED)
    assert lasted(report) >= 1.5


async def test_zero_switches_the_bots_own_idle_timeout_off(tmp_path: Path) -> None:
    async with talks(tmp_path, idle(0.0), own_idle=0.3, frames=["DataFrame"], times=10) as session:
        await session.logged("fell silent")  # a second later
        await session.end()
        report = await session.report()
    assert report.reason is Reason.END_REQUESTED


async def test_bots_own_idle_timeout_stays_where_the_spec_is_silent(tmp_path: Path) -> None:
    async with talks(tmp_path, idle(None), own_idle=1.0) as session:
        report = await session.report()
    assert report.reason is Reason.IDLE_TIMEOUT
    assert report.ending is not None
    assert report.ending.cause is Cause.BOT_CANCELLED


async def test_idle_timeout_is_handed_to_the_bot_as_pipecat_does(tmp_path: Path) -> None:
    async with talks(tmp_path, idle(0.5)) as session:
        await session.report()
    assert "told 0.5" in session.log


@pytest.mark.parametrize("voice", [*VOICES, "UserStartedSpeakingFrame", "TranscriptionFrame"])
async def test_speech_is_activity(tmp_path: Path, voice: str) -> None:
    async with talks(tmp_path, idle(LONG), frames=[voice], times=15) as session:
        report = await left_alone(session)
    assert report.reason is Reason.IDLE_TIMEOUT
    assert lasted(report) >= 2.3


async def test_idle_end_is_as_the_shutdown_says(tmp_path: Path) -> None:
    shutdown = Shutdown(Mode.IMMEDIATE, 1.0, 30.0)
    async with talks(tmp_path, idle(0.2), shutdown) as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.IDLE_TIMEOUT, Outcome.CANCELLED)


async def test_blocked_bot_is_idle_too(tmp_path: Path) -> None:
    quick = Shutdown(Mode.GRACEFUL, 0.2, 0.2)
    async with supervised(tmp_path, "spins.py", body={"when": "start"}, shutdown=quick, limits=idle(LONG)) as session:
        await (await session.running()).logged("spinning")
        await adjust(session, idle(0.5))
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.IDLE_TIMEOUT, Outcome.KILLED)
    assert report.ending is not None
    assert report.ending.steps[-1].step is Step.KILL


@pytest.mark.parametrize("frames", [("GameMoveFrame",), ("BotSpeakingFrame", "GameMoveFrame")])
async def test_frames_that_the_spec_names_are_activity(tmp_path: Path, frames: tuple[str, ...]) -> None:
    limits = idle(LONG, idle_frames=frames)
    async with talks(tmp_path, limits, frames=["GameMoveFrame"], times=15) as session:
        report = await left_alone(session, idle_frames=frames)
    assert lasted(report) >= 2.3


async def test_frames_that_the_spec_leaves_out_are_none(tmp_path: Path) -> None:
    limits = idle(1.0, idle_frames=("TranscriptionFrame",))
    async with talks(tmp_path, limits, frames=VOICES, times=36000) as session:
        report = await session.report()
    assert report.reason is Reason.IDLE_TIMEOUT
    assert "fell silent" not in session.log


async def test_frame_that_does_not_exist_is_told_and_the_defaults_stand_in(tmp_path: Path) -> None:
    unknown = {"idle_frames": ("UserTalkingFrame",)}
    async with talks(tmp_path, idle(LONG, **unknown), frames=["UserSpeakingFrame"], times=15) as session:
        report = await left_alone(session, **unknown)
    assert lasted(report) >= 2.3
    assert report.message is not None
    assert "have no frame class UserTalkingFrame" in report.message
    assert "have no frame class UserTalkingFrame" in session.log


async def test_quiet_caller_is_asked_once_and_the_bots_question_is_no_answer(tmp_path: Path) -> None:
    limits = idle(1.5, idle_prompt=IdlePrompt(0.5, "Still there?"))
    async with talks(tmp_path, limits, echoes=True) as session:
        report = await session.report()
    assert session.log.count("said: Still there?") == 1
    assert report.reason is Reason.IDLE_TIMEOUT


async def test_answer_begins_another_quiet_spell(tmp_path: Path) -> None:
    prompt = IdlePrompt(0.5, "Still there?")
    async with talks(
        tmp_path, idle(LONG, idle_prompt=prompt), echoes=True, transport="reports", client=0.0, answers=1
    ) as session:
        await session.logged("said: Still there?", times=2)
        await adjust(session, idle(1.0, idle_prompt=prompt))
        report = await session.report()
    assert session.log.count("said: Still there?") == 2
    assert report.prompts
    assert report.prompts.count == 2
    assert report.reason is Reason.IDLE_TIMEOUT


async def test_nobody_is_asked_where_nobody_is(tmp_path: Path) -> None:
    limits = idle(0.6, idle_prompt=IdlePrompt(0.3, "Still there?"))
    async with talks(tmp_path, limits, transport="reports") as session:
        report = await session.report()
    assert "said: Still there?" not in session.log
    assert (report.reason, report.prompts) == (Reason.IDLE_TIMEOUT, None)


@pytest.mark.parametrize("before", [idle(None), idle(0.0), idle(LONG)], ids=["absent", "off", "longer"])
async def test_idle_timeout_moved_while_it_runs_counts_at_once(tmp_path: Path, before: SessionLimits) -> None:
    async with talks(tmp_path, before, own_idle=LONG) as session:
        await session.running()
        assert (await adjust(session, idle(0.3))).limits == idle(0.3)
        report = await session.report()
    assert report.reason is Reason.IDLE_TIMEOUT
    assert report.ending is not None


async def test_way_to_end_that_is_edited_while_it_runs_counts(tmp_path: Path) -> None:
    async with talks(tmp_path, idle(LONG), Shutdown(Mode.GRACEFUL, 30.0, 30.0)) as session:
        await session.running()
        overrides = Overrides(idle_timeout=Shutdown(Mode.IMMEDIATE, 1.0, 30.0))
        patch = SessionPatch(limits=idle(0.2), shutdown=Shutdown(Mode.GRACEFUL, 1.0, 2.0), overrides=overrides)
        snapshot = await session.patch(patch)
        report = await session.report()
    assert (snapshot.shutdown, snapshot.overrides) == (patch.shutdown, overrides)
    assert (report.reason, report.outcome) == (Reason.IDLE_TIMEOUT, Outcome.CANCELLED)


@every_pipecat
@fact("`idleTimeout` holds the bot's own back, which decides again when the limit is taken away during the call")
async def test_limit_taken_out_gives_the_bot_its_own_back(tmp_path: Path) -> None:
    async with talks(tmp_path, idle(LONG), own_idle=0.5) as session:
        await session.running()
        await adjust(session, idle(None))
        report = await session.report()
    assert report.reason is Reason.IDLE_TIMEOUT
    assert report.ending is not None
    assert report.ending.cause is Cause.BOT_CANCELLED


async def test_limit_put_in_holds_the_bots_own_back(tmp_path: Path) -> None:
    # The bot's own is long enough for the limit to be there before it, and so the limit is longer.
    async with talks(tmp_path, idle(None), own_idle=10.0) as session:
        await session.running()
        await adjust(session, idle(11.0))
        report = await session.report()
    assert lasted(report) >= 11


async def test_join_timeout_moved_while_it_runs_counts_at_once(tmp_path: Path) -> None:
    async with talks(tmp_path, SessionLimits(LONG), transport="reports") as session:
        await session.running()
        await adjust(session, SessionLimits(0.1))
        report = await session.report()
    assert report.reason is Reason.NO_CLIENT
