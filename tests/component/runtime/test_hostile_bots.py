"""What a bot cannot do to its supervisor, with real ones."""

import stat
from pathlib import Path

import pytest

from botsession_contract.lifecycle import Cause, Outcome, Reason, Step
from botsession_contract.report import ExitReport
from botsession_contract.shutdown import Shutdown
from tests.supervision import AMPLE, QUICK, Supervised, supervised


def flooded(folder: Path, how: str, shutdown: Shutdown = QUICK, **body: str) -> Supervised:
    return supervised(folder, "floods.py", body={"how": how, **body}, shutdown=shutdown)


async def terminated(session: Supervised) -> ExitReport:
    """Send the SIGTERM in the middle of it, and return the report."""
    await session.logged("ready")
    session.terminate()
    return await session.report()


@pytest.mark.parametrize("how", ["lines", "garbage", "noline", "deep"])
async def test_bot_cannot_deafen_its_supervisor(tmp_path: Path, how: str) -> None:
    async with flooded(tmp_path, how) as session:
        await session.logged("ready")
        async with session.http.get("/livez") as live, session.http.get("/v1/session") as snapshot:
            assert (live.status, snapshot.status) == (200, 200)
        report = await terminated(session)
    assert (report.reason, report.exit_code) == (Reason.EVICTED, 137)
    assert report.ending is not None
    assert [taken.step for taken in report.ending.steps][-1] is Step.KILL


@pytest.mark.parametrize("how", ["lines", "garbage", "noline"])
async def test_bot_cannot_outlast_a_deadline_by_talking(tmp_path: Path, how: str) -> None:
    async with flooded(tmp_path, how) as session:
        await session.logged("ready")
        assert await session.end(cause=Cause.START_TIMEOUT) == 202
        report = await session.report()
    assert report.reason is Reason.START_TIMEOUT


async def test_bot_cannot_fill_the_log_with_what_it_says_to_its_supervisor(tmp_path: Path) -> None:
    async with flooded(tmp_path, "garbage") as session:
        await terminated(session)
        assert session.log.count("not an event") <= 2
    assert "lines of the bot's side were not events" in session.log


async def reported(folder: Path, how: str) -> ExitReport:
    """Return the report that there is whatever a bot says."""
    async with flooded(folder, how) as session:
        report = await session.report()
    assert report.exit_code in (3, 137)  # where it said that its pipeline has finished, its time to leave may be over
    assert "could not build its report" not in (report.message or "")
    assert report.timings.pipeline_started is None or 0 <= report.timings.pipeline_started < 3600
    return report


@pytest.mark.parametrize("how", ["times", "types", "result", "orphans"])
async def test_whatever_a_bot_says_there_is_a_report(tmp_path: Path, how: str) -> None:
    await reported(tmp_path, how)


async def test_tasks_that_are_told_of_fit_into_a_status(tmp_path: Path) -> None:
    report = await reported(tmp_path, "names")
    assert report.dangling_tasks.count == 30
    assert len(report.dangling_tasks.names) <= 20
    assert all(name.isprintable() for name in report.dangling_tasks.names)


@pytest.mark.parametrize("how", ["stacks", "strike", "name", "signals"])
async def test_bot_cannot_escape_the_kill(tmp_path: Path, how: str) -> None:
    async with flooded(tmp_path, how) as session:
        report = await terminated(session)
    assert (report.reason, report.outcome, report.exit_code) == (Reason.EVICTED, Outcome.NEVER_STARTED, 137)


@pytest.mark.parametrize("how", ["fifo", "link", "device", "locked"])
async def test_bot_cannot_keep_its_report_from_being_written(tmp_path: Path, how: str) -> None:
    path = tmp_path / "report.json"
    # On a slow machine a process that leaves by itself takes longer than QUICK gives it.
    async with flooded(tmp_path, how, AMPLE, report=str(path)) as session:
        report = await session.report()
    assert report.exit_code == 3
    assert stat.S_ISREG(path.lstat().st_mode)
    assert not (tmp_path / "elsewhere").exists()
