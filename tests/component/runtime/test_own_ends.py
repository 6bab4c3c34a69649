"""Ends that a bot makes itself: bounded like those that it is asked for, with the bot as their cause."""

from pathlib import Path

import pytest

from botsession_contract.control import SessionPatch
from botsession_contract.lifecycle import BotState, Cause, Mode, Outcome, Reason, Step
from botsession_contract.report import ExitReport
from botsession_contract.shutdown import Overrides, Shutdown
from tests.pipecats import every_pipecat, fact
from tests.supervision import AMPLE, PATIENCE, supervised

#: A frame that stands still is freed soon; what comes then has all the time that a slow machine needs.
SOON = Shutdown(grace_period_seconds=1.0, cancel_period_seconds=PATIENCE)


def cause_of(report: ExitReport) -> Cause | None:
    return report.ending.cause if report.ending else None


def steps_of(report: ExitReport) -> list[Step]:
    return [taken.step for taken in report.ending.steps] if report.ending else []


@pytest.mark.parametrize(
    ("how", "cause", "reason", "outcome", "frame"),
    [
        ("EndFrame", Cause.BOT_ENDED, Reason.COMPLETED, Outcome.DRAINED, "EndFrame"),
        ("StopFrame", Cause.BOT_ENDED, Reason.COMPLETED, Outcome.DRAINED, "StopFrame"),
        ("EndWorkerFrame", Cause.BOT_ENDED, Reason.COMPLETED, Outcome.DRAINED, "EndFrame"),
        ("stop_when_done", Cause.BOT_ENDED, Reason.COMPLETED, Outcome.DRAINED, "EndFrame"),
        ("CancelFrame", Cause.BOT_CANCELLED, Reason.BOT_CANCELLED, Outcome.CANCELLED, "CancelFrame"),
        ("CancelWorkerFrame", Cause.BOT_CANCELLED, Reason.BOT_CANCELLED, Outcome.CANCELLED, "CancelFrame"),
        ("worker.cancel", Cause.BOT_CANCELLED, Reason.BOT_CANCELLED, Outcome.CANCELLED, "CancelFrame"),
        ("runner.cancel", Cause.BOT_CANCELLED, Reason.BOT_CANCELLED, Outcome.CANCELLED, "CancelFrame"),
        ("runner.end", Cause.BOT_ENDED, Reason.COMPLETED, Outcome.CANCELLED, "CancelFrame"),
    ],
)
async def test_an_end_that_the_bot_began_is_recorded_with_its_step(
    tmp_path: Path, how: str, cause: Cause, reason: Reason, outcome: Outcome, frame: str
) -> None:
    async with supervised(tmp_path, "ends_itself.py", body={"how": how}) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.frame, cause_of(report)) == (reason, outcome, frame, cause)
    assert steps_of(report) == [Step.CANCEL_FRAME if frame == "CancelFrame" else Step.END_FRAME]
    assert report.ending is not None
    assert report.ending.farewell is None
    assert "work after the call" in session.log


@every_pipecat
@fact("an `EndFrame` of the bot's own that a processor swallows is forced out when `gracePeriod` has passed")
@pytest.mark.parametrize("parallel", [False, True], ids=["in the pipeline", "in a branch"])
async def test_an_own_end_frame_that_is_kept_is_forced_out(tmp_path: Path, parallel: bool) -> None:
    body = {"how": "EndFrame", "keeps": True, "parallel": parallel}
    async with supervised(tmp_path, "ends_itself.py", body=body, shutdown=SOON) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.message) == (Reason.COMPLETED, Outcome.FORCED, "said goodbye")
    assert (cause_of(report), report.stuck_at) == (Cause.BOT_ENDED, "Recorder#0")
    assert steps_of(report) == [Step.END_FRAME, Step.FORCED_CANCEL_FRAME]
    assert "work after the call" in session.log


@pytest.mark.parametrize("how", ["StopFrame", "EndWorkerFrame", "stop_when_done"])
async def test_so_is_any_other_that_is_kept(tmp_path: Path, how: str) -> None:
    async with supervised(tmp_path, "ends_itself.py", body={"how": how, "keeps": True}, shutdown=SOON) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.stuck_at) == (Reason.COMPLETED, Outcome.FORCED, "Recorder#0")


async def test_a_caller_who_hangs_up_on_an_end_that_stands_still_is_recorded(tmp_path: Path) -> None:
    body = {"how": "EndFrame", "keeps": True, "leaves": True}
    patient = Shutdown(grace_period_seconds=PATIENCE, cancel_period_seconds=PATIENCE)
    async with supervised(tmp_path, "ends_itself.py", body=body, shutdown=patient) as session:
        seen = await session.until(lambda snapshot: snapshot.client_disconnected_at is not None)
        await session.end(Mode.IMMEDIATE)
        report = await session.report()
    assert seen.ending is not None
    assert (seen.state, seen.ending.cause) == (BotState.ENDING, Cause.BOT_ENDED)
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, Outcome.FORCED)
    assert (report.client_disconnected_at, report.message) == (seen.client_disconnected_at, "said goodbye")


async def test_a_goodbye_that_plays_is_not_cut(tmp_path: Path) -> None:
    body = {"how": "EndFrame", "keeps": True, "talks": 6}
    short = Shutdown(grace_period_seconds=3.0, cancel_period_seconds=PATIENCE)
    async with supervised(tmp_path, "ends_itself.py", body=body, shutdown=short) as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)
    assert report.timings.drained is not None
    assert report.timings.drained > short.grace_period_seconds


async def test_an_override_says_how_long_an_own_end_may_take(tmp_path: Path) -> None:
    body = {"how": "EndFrame", "keeps": True}
    overrides = Overrides(bot_ended=SOON)
    async with supervised(tmp_path, "ends_itself.py", body=body, overrides=overrides) as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.FORCED)


async def test_whoever_asks_meanwhile_takes_over_and_the_reason_stays_the_bots(tmp_path: Path) -> None:
    body = {"how": "EndFrame", "keeps": True}
    async with supervised(tmp_path, "ends_itself.py", body=body) as session:
        await session.logged("kept the frame")
        await session.until(lambda snapshot: snapshot.ending is not None)
        assert await session.end(cause=Cause.DELETED, gracePeriodSeconds=0, cancelPeriodSeconds=PATIENCE) == 202
        report = await session.report()
    assert (report.reason, report.outcome, cause_of(report)) == (Reason.COMPLETED, Outcome.FORCED, Cause.DELETED)
    assert steps_of(report) == [Step.END_FRAME, Step.FORCED_CANCEL_FRAME]


async def test_the_deadline_bounds_an_own_end_too(tmp_path: Path) -> None:
    body = {"how": "EndFrame", "keeps": True}
    overrides = Overrides(max_duration=Shutdown(Mode.IMMEDIATE, 0, PATIENCE))
    async with supervised(tmp_path, "ends_itself.py", body=body, overrides=overrides) as session:
        await session.logged("kept the frame")
        async with session.http.patch("/v1/session", json={"deadline": "2020-01-01T00:00:00Z"}) as response:
            assert response.status == 200
        report = await session.report()
    assert (report.reason, report.outcome, cause_of(report)) == (Reason.COMPLETED, Outcome.FORCED, Cause.MAX_DURATION)


@pytest.mark.parametrize("how", ["EndFrame", "worker.cancel"])
async def test_a_helper_that_waits_is_ended_when_the_conversation_is_over(tmp_path: Path, how: str) -> None:
    async with supervised(tmp_path, "helper_waits.py", body={"how": how}, shutdown=SOON) as session:
        report = await session.report()
    assert report.reason is (Reason.COMPLETED if how == "EndFrame" else Reason.BOT_CANCELLED)
    assert steps_of(report)[-1] is Step.CANCEL_FRAME
    assert (report.exit_code, report.message) == (0, "said goodbye")
    assert "work after the call" in session.log


async def test_a_second_pipeline_of_a_runner_that_talks_on_is_no_helper(tmp_path: Path) -> None:
    async with supervised(tmp_path, "talks_beside.py", body={"talks": True}) as session:
        seen = await session.until(lambda seen: seen.pipelines_finished == 1 and seen.state is BotState.RUNNING)
        assert seen.ending is None
        await session.end()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.DRAINED)
    assert report.stages is not None
    assert [(stage.name, stage.reason) for stage in report.stages] == [("greeter", "handed over")]


async def test_a_second_pipeline_of_a_runner_that_is_silent_is_a_helper(tmp_path: Path) -> None:
    async with supervised(tmp_path, "talks_beside.py", body={"talks": False}, shutdown=SOON) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.message) == (Reason.COMPLETED, Outcome.DRAINED, "handed over")
    assert steps_of(report)[-1] is Step.CANCEL_FRAME


@every_pipecat
@fact("a session with several pipelines, one after the other, is over when the last one is")
@pytest.mark.parametrize("first", ["EndFrame", "StopFrame", "cancel"])
async def test_a_session_is_over_when_its_last_pipeline_is(tmp_path: Path, first: str) -> None:
    body = {"ends": [first, "EndFrame"]}
    async with supervised(tmp_path, "stages.py", body=body) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.message) == (Reason.COMPLETED, Outcome.DRAINED, "stage 2 is over")
    assert report.stages is not None
    assert [(stage.name, stage.frame) for stage in report.stages] == [
        ("stage-1", "CancelFrame" if first == "cancel" else first)
    ]
    assert "all stages are over" in session.log


async def test_the_second_of_three_stages_may_take_longer_than_a_grace_period(tmp_path: Path) -> None:
    body = {"ends": ["StopFrame", "waits", "EndFrame"]}
    short = Shutdown(grace_period_seconds=2.0, cancel_period_seconds=PATIENCE)
    async with supervised(tmp_path, "stages.py", body=body, shutdown=short) as session:
        await session.logged("stage 2 begins")
        started = await session.until(lambda snapshot: snapshot.state is BotState.RUNNING)
        assert started.pipelines_finished == 1
        later = await session.until(lambda snapshot: (snapshot.now - started.now).total_seconds() > 3)
        assert (later.state, later.ending) == (BotState.RUNNING, None)
        await session.end()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.DRAINED)


async def test_a_process_between_two_pipelines_says_until_when_it_waits(tmp_path: Path) -> None:
    body = {"ends": ["EndFrame", "EndFrame"], "between": 10 * PATIENCE}
    async with supervised(tmp_path, "stages.py", body=body, overrides=Overrides(bot_ended=SOON)) as session:
        seen = await session.until(lambda snapshot: snapshot.next_pipeline_until is not None)
        report = await session.report()
    assert (seen.pipelines_finished, report.stages) == (1, None)
    assert (report.reason, report.outcome, report.exit_code) == (Reason.COMPLETED, Outcome.DRAINED, 137)


async def test_an_end_between_two_pipelines_keeps_the_next_from_talking(tmp_path: Path) -> None:
    body = {"ends": ["EndFrame", "waits"], "between": 3}
    async with supervised(tmp_path, "stages.py", body=body) as session:
        await session.until(lambda snapshot: snapshot.next_pipeline_until is not None)
        assert await session.end() == 202
        report = await session.report()
    assert (report.reason, report.outcome, report.exit_code) == (Reason.COMPLETED, Outcome.DRAINED, 0)
    assert cause_of(report) is Cause.END_REQUESTED
    assert "all stages are over" in session.log


async def test_pipelines_in_event_loops_of_their_own_are_told_and_ended(tmp_path: Path) -> None:
    body = {"ends": ["EndFrame", "waits"], "loops": True}
    async with supervised(tmp_path, "stages.py", body=body) as session:
        await session.logged("stage 2 begins")
        await session.running()
        await session.end()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.DRAINED)
    assert "all stages are over" in session.log


async def test_a_bots_own_causes_cannot_be_asked_for(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py", shutdown=AMPLE) as session:
        await session.running()
        assert await session.end(cause=Cause.BOT_ENDED) == 400
        await session.patch(SessionPatch(overrides=Overrides(bot_cancelled=SOON)))
        assert (await session.snapshot()).ending is None
