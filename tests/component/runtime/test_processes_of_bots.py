"""Bots whose pipelines live in other processes than the one that the supervisor starts, with real ones."""

from pathlib import Path
from typing import Any

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.report import ExitReport
from tests.supervision import AMPLE, BOTS, PYTHON, QUICK, Supervised, supervised

WAYS = ("fork", "spawn", "forkserver", "subprocess", "os.fork")
#: Runs a command line as `conda run`, `honcho` or `watchmedo` do: all descriptors but the first three are closed.
WRAPPER = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


def elsewhere(folder: Path, how: str, *bots: dict[str, Any], shutdown: Any = AMPLE, **body: Any) -> Supervised:
    return supervised(folder, "elsewhere.py", body={"how": how, "bots": bots, **body}, shutdown=shutdown)


def ended(report: ExitReport) -> tuple[Reason, Outcome]:
    return report.reason, report.outcome


@pytest.mark.parametrize("how", WAYS)
async def test_conversation_in_a_child_is_reported(tmp_path: Path, how: str) -> None:
    async with elsewhere(tmp_path, how, {"ends": 0.2}) as session:
        report = await session.report()
    assert ended(report) == (Reason.COMPLETED, Outcome.DRAINED)
    assert (report.message, report.exit_code) == ("all said", 0)
    assert report.started_at is not None


@pytest.mark.parametrize("how", WAYS)
async def test_end_reaches_a_child(tmp_path: Path, how: str) -> None:
    async with elsewhere(tmp_path, how, {}) as session:
        await session.running()
        assert await session.end() == 202
        report = await session.report()
    assert ended(report) == (Reason.END_REQUESTED, Outcome.DRAINED)
    assert report.exit_code == 0


async def test_child_is_freed_past_a_swallowed_end(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "spawn", {"swallows": True}) as session:
        await session.running()
        assert await session.end() == 202
        await session.until(lambda seen: bool(seen.ending and seen.ending.steps))
        await session.hurry(90)
        report = await session.report()
    assert ended(report) == (Reason.END_REQUESTED, Outcome.FORCED)
    assert report.stuck_at == "hole"


@pytest.mark.parametrize("how", ["spawn", "fork"])
async def test_stuck_child_is_killed_and_its_line_is_named(tmp_path: Path, how: str) -> None:
    async with elsewhere(tmp_path, how, {"blocks": True}, shutdown=QUICK) as session:
        await session.logged("blocked")
        await session.running()
        assert await session.end() == 202
        report = await session.report()
    assert ended(report) == (Reason.END_REQUESTED, Outcome.KILLED)
    assert report.stuck_at is not None
    assert report.stuck_at.startswith("elsewhere.py:")
    assert report.stuck_at.endswith("in block")


@pytest.mark.parametrize("wrapped", [1, 2])
async def test_bot_behind_a_wrapper_that_closes_descriptors_is_reported(tmp_path: Path, wrapped: int) -> None:
    command = (*(PYTHON, "-c", WRAPPER) * wrapped, PYTHON, str(BOTS / "elsewhere.py"), '{"ends": 0.2}')
    async with Supervised(tmp_path, None, command=command) as session:
        report = await session.report()
    assert ended(report) == (Reason.COMPLETED, Outcome.DRAINED)
    assert report.message == "all said"


async def test_end_reaches_a_bot_behind_a_wrapper(tmp_path: Path) -> None:
    command = (PYTHON, "-c", WRAPPER, PYTHON, str(BOTS / "script.py"))
    async with Supervised(tmp_path, None, command=command) as session:
        await session.running()
        assert await session.end() == 202
        report = await session.report()
    assert ended(report) == (Reason.END_REQUESTED, Outcome.DRAINED)


@pytest.mark.parametrize("how", ["fork", "spawn"])
async def test_session_is_over_when_the_last_of_two_conversations_is(tmp_path: Path, how: str) -> None:
    bots = {"ends": 0.1, "reason": "first"}, {"ends": 3, "reason": "last"}
    async with elsewhere(tmp_path, how, *bots) as session:
        report = await session.report()
    assert (*ended(report), report.message) == (Reason.COMPLETED, Outcome.DRAINED, "last")


async def test_all_conversations_are_ended(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "spawn", {}, {}, also_here={}) as session:
        await session.logged("talking in", times=3)
        await session.running()
        assert await session.end() == 202
        report = await session.report()
    assert ended(report) == (Reason.END_REQUESTED, Outcome.DRAINED)
    assert report.exit_code == 0


async def test_one_of_two_that_hangs_is_named(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "spawn", {"swallows": True}, {}) as session:
        await session.logged("talking in", times=2)
        await session.running()
        assert await session.end() == 202
        await session.until(lambda seen: bool(seen.ending and seen.ending.steps))
        await session.logged("EndFrame")
        await session.hurry(90)
        report = await session.report()
    assert (*ended(report), report.stuck_at) == (Reason.END_REQUESTED, Outcome.FORCED, "hole")


async def test_forked_children_do_not_cut_each_others_lines(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "fork", *[{"ends": 0.5}] * 3, also_here={"ends": 1}) as session:
        report = await session.report()
        assert "no event" not in session.log
    assert ended(report) == (Reason.COMPLETED, Outcome.DRAINED)


@pytest.mark.parametrize("stays", [False, True])
async def test_child_that_dies_in_mid_call_is_told(tmp_path: Path, stays: bool) -> None:
    async with elsewhere(tmp_path, "spawn", {"dies": 0.2}, stays=stays) as session:
        report = await session.report()
    assert ended(report) == (Reason.BOT_EXITED, Outcome.LOST)
    assert report.message == "the process that ran the pipeline ended before that had finished"


async def test_child_that_crashes_is_told(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "spawn", {"crashes": "no more", "ends": 0.1}) as session:
        report = await session.report()
    assert report.outcome is Outcome.DRAINED
    assert "ValueError: no more" in session.log


async def test_parent_that_stays_when_its_child_is_over_is_told_to_leave(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "spawn", {"ends": 0.1}, stays=True, shutdown=QUICK) as session:
        report = await session.report()
    assert ended(report) == (Reason.COMPLETED, Outcome.DRAINED)
    assert report.ending is None
    assert report.message is not None
    assert "did not exit and was killed" in report.message
