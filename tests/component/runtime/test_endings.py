"""How sessions end, with the real supervisor and real bots."""

import re
from pathlib import Path

import pytest

from botsession_contract.lifecycle import Cause, Mode, Outcome, Reason, Step
from botsession_contract.report import ExitReport
from botsession_contract.shutdown import Overrides, Shutdown
from tests.pipecats import every_pipecat, fact
from tests.processes import wait_for_exit
from tests.supervision import BOTS, PATIENCE, QUICK, STUCK, Supervised, supervised

NO_WORKER_FRAMES = "the frame has another name, EndTaskFrame or CancelTaskFrame"


def steps_of(report: ExitReport) -> list[Step]:
    assert report.ending is not None
    return [taken.step for taken in report.ending.steps]


@every_pipecat
@fact("asked to end gracefully, a bot drains")
async def test_graceful_end_drains_the_pipeline(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session:
        await session.running()
        assert await session.end() == 202
        report = await session.report()
    assert (report.reason, report.outcome, report.frame) == (Reason.END_REQUESTED, Outcome.DRAINED, "EndFrame")
    assert (steps_of(report), report.exit_code, session.process.returncode) == ([Step.END_FRAME], 0, 0)


@every_pipecat
@fact("asked to end at once, it is cancelled")
async def test_immediate_end_cancels_the_pipeline(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session:
        await session.running()
        await session.end(Mode.IMMEDIATE, cause="Deleted")
        report = await session.report()
    assert (report.reason, report.outcome, report.frame) == (Reason.DELETED, Outcome.CANCELLED, "CancelFrame")
    assert steps_of(report) == [Step.CANCEL_FRAME]


@every_pipecat
@fact("a swallowed EndFrame is `Forced` out, and `stuckAt` names the processor")
async def test_swallowed_end_frame_is_forced_out_and_located(tmp_path: Path) -> None:
    async with supervised(tmp_path, "swallows_end.py", shutdown=STUCK) as session:
        await session.running()
        await session.end()
        await session.logged("swallowed EndFrame")
        await session.hurry(PATIENCE)
        report = await session.report()
    assert (report.reason, report.outcome, report.frame) == (Reason.END_REQUESTED, Outcome.FORCED, "CancelFrame")
    assert steps_of(report) == [Step.END_FRAME, Step.FORCED_CANCEL_FRAME]
    assert report.stuck_at == "Blackhole#0"


async def test_swallowed_frames_of_both_kinds_end_in_a_kill(tmp_path: Path) -> None:
    body = {"swallow": ["EndFrame", "CancelFrame"]}
    async with supervised(tmp_path, "swallows_end.py", body=body, shutdown=QUICK) as session:
        await session.running()
        await session.end()
        report = await session.report()
    assert (report.outcome, report.exit_code) == (Outcome.KILLED, 137)
    assert steps_of(report) == [Step.END_FRAME, Step.FORCED_CANCEL_FRAME, Step.KILL]
    assert session.process.returncode == 1


@every_pipecat
@fact("a bot that blocks its event loop is `Killed`, and `stuckAt` names the line")
async def test_blocked_event_loop_is_killed_and_the_line_is_named(tmp_path: Path) -> None:
    async with supervised(tmp_path, "spins.py", body={"when": "EndFrame"}) as session:
        await session.running()
        await session.end()
        await session.logged("spinning")
        await session.hurry()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.KILLED)
    assert report.stuck_at is not None
    assert re.match(r"spins\.py:\d+ in spin", report.stuck_at)
    assert "spins.py" in session.log


async def test_immediate_after_graceful_does_not_wait_for_the_grace_period(tmp_path: Path) -> None:
    patient = Shutdown(grace_period_seconds=600, cancel_period_seconds=PATIENCE)
    async with supervised(tmp_path, "swallows_end.py", shutdown=patient) as session:
        await session.running()
        await session.end()
        assert await session.end(Mode.IMMEDIATE) == 202
        report = await session.report()
    assert steps_of(report) == [Step.END_FRAME, Step.FORCED_CANCEL_FRAME]
    assert report.outcome is Outcome.FORCED


@every_pipecat
@fact("on SIGTERM, a bot drains as `Evicted`")
async def test_sigterm_is_an_eviction_and_drains(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py", termination_grace_seconds=PATIENCE) as session:
        await session.running()
        session.terminate()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.EVICTED, Outcome.DRAINED)


async def test_ladder_is_squeezed_into_the_grace_of_a_sigterm(tmp_path: Path) -> None:
    slow = Shutdown(grace_period_seconds=600, cancel_period_seconds=600)
    body = {"swallow": ["EndFrame", "CancelFrame"]}
    async with supervised(
        tmp_path, "swallows_end.py", body=body, shutdown=slow, termination_grace_seconds=3.0
    ) as session:
        await session.running()
        session.terminate()
        report = await session.report()
    assert steps_of(report)[-1] is Step.KILL


async def test_ladder_is_shortened_by_whoever_knows_that_time_is_short(tmp_path: Path) -> None:
    async with supervised(tmp_path, "swallows_end.py", shutdown=STUCK, termination_grace_seconds=1e6) as session:
        await session.running()
        session.terminate()
        await session.until(lambda snapshot: snapshot.ending is not None)
        assert await session.end(cause="Evicted", gracePeriodSeconds=0.5, cancelPeriodSeconds=PATIENCE) == 202
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.EVICTED, Outcome.FORCED)


async def test_process_that_hangs_after_its_pipeline_is_killed_but_was_drained(tmp_path: Path) -> None:
    async with supervised(tmp_path, "hangs_after.py", body={"ends": True}, shutdown=QUICK) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.exit_code) == (Reason.COMPLETED, Outcome.DRAINED, 137)
    assert report.message == "the pipeline had finished, but the process did not exit and was killed"
    assert report.conversation_ended_at is not None
    assert report.conversation_ended_at < report.finished_at


@every_pipecat
@fact("every root worker is ended")
async def test_every_root_worker_is_ended(tmp_path: Path) -> None:
    async with supervised(tmp_path, "two_roots.py") as session:
        await session.running()
        await session.end()
        report = await session.report()
    assert (report.outcome, report.exit_code) == (Outcome.DRAINED, 0)


@every_pipecat
@pytest.mark.parametrize(
    ("how", "reason", "outcome", "frame"),
    [
        pytest.param(
            "end",
            Reason.COMPLETED,
            Outcome.DRAINED,
            "EndFrame",
            id="its own EndFrame completes it",
            marks=fact("a bot that pushes an EndWorkerFrame is `Completed`", since="1.4", otherwise=NO_WORKER_FRAMES),
        ),
        pytest.param(
            "cancel",
            Reason.BOT_CANCELLED,
            Outcome.CANCELLED,
            "CancelFrame",
            id="its own CancelFrame",
            marks=fact(
                "a bot that pushes a CancelWorkerFrame is `BotCancelled`", since="1.4", otherwise=NO_WORKER_FRAMES
            ),
        ),
        pytest.param(
            "idle",
            Reason.IDLE_TIMEOUT,
            Outcome.CANCELLED,
            "CancelFrame",
            id="Pipecat's idle timeout",
            marks=fact("a bot that Pipecat's own idle timeout ends is an `IdleTimeout`"),
        ),
        pytest.param(
            "fatal",
            Reason.BOT_ERROR,
            Outcome.CANCELLED,
            "CancelFrame",
            id="a fatal error",
            marks=fact("a fatal ErrorFrame is a `BotError`"),
        ),
    ],
)
async def test_bot_ends_itself(tmp_path: Path, how: str, reason: Reason, outcome: Outcome, frame: str | None) -> None:
    async with supervised(tmp_path, "completes.py", body={"how": how}) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.frame) == (reason, outcome, frame)
    assert report.ending is not None
    own = (Cause.BOT_ENDED, Step.END_FRAME) if frame == "EndFrame" else (Cause.BOT_CANCELLED, Step.CANCEL_FRAME)
    assert (report.ending.cause, steps_of(report), report.exit_code) == (own[0], [own[1]], 0)


async def test_stop_frame_completes_it_too(tmp_path: Path) -> None:
    async with supervised(tmp_path, "completes.py", body={"how": "stop"}) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.frame) == (Reason.COMPLETED, Outcome.DRAINED, "StopFrame")


async def test_fatal_error_while_starting_is_one_too(tmp_path: Path) -> None:
    async with supervised(tmp_path, "completes.py", body={"how": "fatal at start"}) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.frame) == (Reason.BOT_ERROR, Outcome.CANCELLED, None)


@every_pipecat
@fact(
    "a bot with the deprecated names (PipelineTask, PipelineRunner, EndTaskFrame, `task.cancel()`) runs and ends alike"
)
@pytest.mark.parametrize(
    ("how", "reason", "outcome"),
    [
        ("EndTaskFrame", Reason.COMPLETED, Outcome.DRAINED),
        ("stop_when_done", Reason.COMPLETED, Outcome.DRAINED),
        ("task.cancel", Reason.BOT_CANCELLED, Outcome.CANCELLED),
    ],
)
async def test_bot_with_deprecated_names_ends_itself(
    tmp_path: Path, how: str, reason: Reason, outcome: Outcome
) -> None:
    async with supervised(tmp_path, "old_names.py", body={"how": how}) as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (reason, outcome)


@every_pipecat
@fact("a bot with the deprecated names is ended alike")
async def test_bot_with_deprecated_names_is_ended(tmp_path: Path) -> None:
    async with supervised(tmp_path, "old_names.py") as session:
        await session.running()
        await session.end()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.DRAINED)


@every_pipecat
@fact("a session past its deadline is ended without the operator")
async def test_backstop_ends_a_session_past_its_deadline(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session:
        await session.running()
        async with session.http.patch("/v1/session", json={"deadline": "2020-01-01T00:00:00Z"}) as response:
            assert response.status == 200
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.MAX_DURATION, Outcome.DRAINED)


async def test_sigterm_and_backstop_end_a_session_each_in_its_way(tmp_path: Path) -> None:
    now = Shutdown(Mode.IMMEDIATE, 0, PATIENCE)
    for name, overrides in (("evicted", Overrides(evicted=now)), ("max_duration", Overrides(max_duration=now))):
        (folder := tmp_path / name).mkdir()
        ample = {"overrides": overrides, "termination_grace_seconds": PATIENCE}
        async with supervised(folder, "quiet.py", **ample) as session:
            await session.running()
            await _strike(session, name)
            report = await session.report()
        assert (steps_of(report), report.outcome) == ([Step.CANCEL_FRAME], Outcome.CANCELLED)


async def _strike(session: Supervised, name: str) -> None:
    if name == "evicted":
        session.terminate()
        return
    async with session.http.patch("/v1/session", json={"deadline": "2020-01-01T00:00:00Z"}) as response:
        assert response.status == 200


async def test_farewell_is_said_before_the_end(tmp_path: Path) -> None:
    async with supervised(tmp_path, "speaks.py", body={"client": True}) as session:
        await session.in_call()
        await session.end(farewell="Goodbye!")
        report = await session.report()
    assert report.outcome is Outcome.DRAINED
    assert report.client_connected_at is not None
    assert "said: Goodbye!" in session.log


async def test_bot_told_to_end_before_its_pipeline_is_terminated_then_killed(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ignores_term.py", shutdown=QUICK) as session:
        await session.logged("waiting")
        await session.end(cause=Cause.START_TIMEOUT)
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.START_TIMEOUT, Outcome.NEVER_STARTED)
    assert steps_of(report) == [Step.TERMINATE, Step.KILL]
    assert report.stuck_at == "ignores_term.py:11 in wait_for_a_model"


async def test_stuck_bot_dies_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ignores_term.py", shutdown=QUICK) as session:
        await session.logged("waiting")
        (bot,) = Path(f"/proc/{session.process.pid}/task/{session.process.pid}/children").read_text().split()
        session.process.kill()
        assert wait_for_exit(int(bot)), "the bot still runs"


@every_pipecat
@fact("tasks left behind are counted and named, Pipecat's and others")
@pytest.mark.parametrize("how", ["target", "command"])
async def test_tasks_left_behind_are_named_and_told_apart(tmp_path: Path, how: str) -> None:
    bot, python = str(BOTS / "leaks.py"), supervised(tmp_path, "").fields["python"]
    target, command = (bot, ()) if how == "target" else (None, (python, bot))
    async with Supervised(tmp_path, target, command=command) as session:
        await session.running()
        await session.end()
        report = await session.report()
    left = report.dangling_tasks
    assert (left.count, left.unmanaged) == (2, 1)
    assert left.names == ("Leaky#0::poller", "keep_listening")
