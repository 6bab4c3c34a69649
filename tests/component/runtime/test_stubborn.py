"""What is done about bots that hold on to what they do when they are asked to end: work that is wanted, and hangs."""

from pathlib import Path

import pytest

from botsession_contract.lifecycle import Mode, Outcome, Step
from tests.component.runtime.test_endings import steps_of
from tests.supervision import supervised


@pytest.mark.parametrize("mode", Mode)
async def test_what_a_bot_does_when_its_pipeline_has_finished_is_given_its_time(tmp_path: Path, mode: Mode) -> None:
    body = {"takes": 1.0, "file": str(tmp_path / "transcript")}
    async with supervised(tmp_path, "saves.py", body=body) as session:
        await session.running()
        await session.end(mode)
        report = await session.report()
    assert (tmp_path / "transcript").read_text() == "saved"
    assert report.outcome is (Outcome.DRAINED if mode is Mode.GRACEFUL else Outcome.CANCELLED)
    assert report.exit_code == 0


async def test_work_after_the_end_is_bounded(tmp_path: Path) -> None:
    body = {"takes": 600, "file": str(tmp_path / "transcript")}
    async with supervised(tmp_path, "saves.py", body=body) as session:
        await session.running()
        await session.end()
        await session.logged("saving")
        await session.hurry()
        report = await session.report()
    assert not (tmp_path / "transcript").exists()
    assert (report.outcome, report.exit_code) == (Outcome.DRAINED, 137)
    assert report.message == "the pipeline had finished, but the process did not exit and was killed"


async def test_swallowed_cancellation_ends_in_a_kill(tmp_path: Path) -> None:
    async with supervised(tmp_path, "swallows_cancellation.py") as session:
        await session.running()
        await session.end()
        await session.logged("kept EndFrame")
        await session.hurry(seconds=1.0)
        report = await session.report()
    assert (report.outcome, report.exit_code, report.stuck_at) == (Outcome.KILLED, 137, "Deaf#0")
    assert steps_of(report) == [Step.END_FRAME, Step.FORCED_CANCEL_FRAME, Step.KILL]


async def test_swallowed_cancel_frame_is_waited_for_by_pipecat_and_bounded_here(tmp_path: Path) -> None:
    body = {"swallow": ["CancelFrame"]}
    async with supervised(tmp_path, "swallows_end.py", body=body) as session:
        await session.running()
        await session.end(Mode.IMMEDIATE)
        await session.logged("swallowed CancelFrame")
        await session.hurry(mode=Mode.IMMEDIATE)
        report = await session.report()
    assert (report.outcome, report.stuck_at) == (Outcome.KILLED, "Blackhole#0")
    assert steps_of(report) == [Step.CANCEL_FRAME, Step.KILL]
