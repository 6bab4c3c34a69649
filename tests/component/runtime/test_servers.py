"""Programs that serve callers, such as Pipecat's development server: the session is over when its bot is."""

import re
from pathlib import Path

import aiohttp
import pytest

from botsession_contract.lifecycle import Cause, Outcome, Reason, Step
from botsession_contract.report import ExitReport
from botsession_contract.shutdown import Shutdown
from tests.pipecats import every_pipecat
from tests.supervision import AMPLE, BOTS, PATIENCE, Supervised, supervised

#: A server that does not leave when it is told to is killed after the time that its bot had.
SHORT = Shutdown(grace_period_seconds=4.0, cancel_period_seconds=PATIENCE)


async def called(session: Supervised, query: str = "") -> None:
    """Call the server when it listens."""
    await session.logged("/call.")
    (url,) = re.findall(r"serving at (.*)\.", session.log)
    async with aiohttp.ClientSession() as http, http.get(f"{url}?{query}") as response:
        assert response.status == 200


def server(folder: Path, *arguments: str, shutdown: Shutdown = AMPLE) -> Supervised:
    """Supervise the server."""
    python = str(supervised(folder, "").fields["python"])
    return Supervised(folder, None, command=(python, str(BOTS / "server.py"), *arguments), shutdown=shutdown)


async def report_of(session: Supervised, query: str) -> ExitReport:
    async with session:
        await called(session, query)
        return await session.report()


@every_pipecat
async def test_server_leaves_when_its_bot_has_ended_itself(tmp_path: Path) -> None:
    report = await report_of(server(tmp_path), "end=0.1")
    assert (report.reason, report.outcome, report.message) == (Reason.COMPLETED, Outcome.DRAINED, None)
    assert report.exit_code == 128 + 15


async def test_server_leaves_when_its_session_was_asked_to_end(tmp_path: Path) -> None:
    async with server(tmp_path) as session:
        await called(session)
        await session.running()
        await session.end(cause=Cause.MAX_DURATION)
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.MAX_DURATION, Outcome.DRAINED)
    assert report.ending is not None
    assert [taken.step for taken in report.ending.steps] == [Step.END_FRAME, Step.TERMINATE]


@pytest.mark.parametrize("query", ["end=0.1", "end=0.1&crash=too+late"])
async def test_server_that_does_not_leave_is_killed(tmp_path: Path, query: str) -> None:
    report = await report_of(server(tmp_path, "deaf", shutdown=SHORT), query)
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)
    assert report.message is not None
    assert report.message.endswith("the pipeline had finished, but the process did not exit and was killed")


async def test_server_that_nobody_calls_ends_at_once(tmp_path: Path) -> None:
    async with server(tmp_path) as session:
        await session.logged("/call.")
        await session.end(cause=Cause.START_TIMEOUT)
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.START_TIMEOUT, Outcome.NEVER_STARTED)
