"""The control endpoint of a running supervisor."""

from datetime import UTC, datetime
from pathlib import Path

from botsession_contract.lifecycle import BotState, Mode, Outcome, Reason, Step
from botsession_contract.shutdown import Shutdown
from tests.supervision import PATIENCE, QUICK, STUCK, supervised

PATIENT = Shutdown(grace_period_seconds=600, cancel_period_seconds=600)


async def test_probe_is_not_ready_before_the_pipeline_has_started(tmp_path: Path) -> None:
    async with (
        supervised(tmp_path, "starts_never.py") as session,
        session.http.get("/livez") as live,
        session.http.get("/readyz") as ready,
    ):
        assert (live.status, ready.status) == (200, 503)


async def test_probe_is_ready_while_the_pipeline_runs(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session:
        await session.running()
        async with session.http.get("/livez") as live, session.http.get("/readyz") as ready:
            assert (live.status, ready.status) == (200, 200)


async def test_deadline_follows_the_start_until_it_is_moved(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py", max_duration_seconds=60.0) as session:
        first = await session.until(lambda seen: seen.state is BotState.RUNNING)
        async with session.http.patch("/v1/session", json={"deadline": "2099-01-01T00:00:00Z"}) as response:
            assert response.status == 200
        second = await session.snapshot()
    assert first.deadline is not None
    assert first.started_at is not None
    assert (first.deadline - first.started_at).total_seconds() == 60
    assert second.deadline is not None
    assert second.deadline == datetime(2099, 1, 1, tzinfo=UTC)


async def test_end_can_be_repeated_and_raised_but_not_lowered(tmp_path: Path) -> None:
    body = {"swallow": ["EndFrame", "CancelFrame"]}  # so that it is there until the last answer
    async with supervised(tmp_path, "swallows_end.py", body=body, shutdown=PATIENT) as session:
        await session.running()
        answers = [await session.end(), await session.end(cause="Deleted"), await session.end(Mode.IMMEDIATE)]
        answers.append(await session.end(Mode.GRACEFUL))
        async with session.http.patch("/v1/session", json={"deadline": "2099-01-01T00:00:00Z"}) as response:
            answers.append(response.status)
        await session.hurry(mode=Mode.IMMEDIATE)
        report = await session.report()
    assert answers == [202, 202, 202, 409, 409]
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.KILLED)


async def test_end_frame_leaves_at_once(tmp_path: Path) -> None:
    short = {"shutdown": PATIENT, "termination_grace_seconds": 2.0}
    async with supervised(tmp_path, "swallows_end.py", **short) as session:
        await session.running()
        await session.end()
        ending = (await session.snapshot()).ending
    assert ending is not None
    assert [taken.step for taken in ending.steps] == [Step.END_FRAME]


async def test_endpoint_answers_while_the_bot_is_blocked(tmp_path: Path) -> None:
    async with supervised(tmp_path, "spins.py", body={"when": "start"}, shutdown=QUICK) as session:
        await (await session.running()).logged("spinning")
        assert (await session.snapshot()).state is BotState.RUNNING


async def test_second_sigterm_changes_nothing(tmp_path: Path) -> None:
    async with supervised(tmp_path, "swallows_end.py", shutdown=STUCK, termination_grace_seconds=1e6) as session:
        await session.running()
        session.terminate()
        await session.until(lambda seen: seen.ending is not None)
        session.terminate()
        await session.hurry(PATIENCE)  # refused to one that ends immediately
        report = await session.report()
    assert report.ending is not None
    assert [taken.step for taken in report.ending.steps] == [Step.END_FRAME, Step.FORCED_CANCEL_FRAME]
    assert report.reason is Reason.EVICTED


async def test_sigterm_before_the_supervisor_is_ready_is_not_lost(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ignores_term.py", shutdown=QUICK) as session:
        await session.logged("waiting")  # the bot may be quicker than the supervisor's own imports
        session.terminate()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.EVICTED, Outcome.NEVER_STARTED)
