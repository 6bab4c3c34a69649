"""Bots whose pipelines live in other processes than the one that the supervisor starts, with real ones."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from botsession_contract.lifecycle import BotState, Cause, Outcome, Reason, Step
from botsession_contract.report import ExitReport
from botsession_contract.session_limits import SessionLimits
from tests.pipecats import every_pipecat, fact
from tests.ports import free_port
from tests.supervision import AMPLE, BOTS, PYTHON, QUICK, Supervised, supervised

WAYS = ("fork", "spawn", "forkserver", "subprocess", "os.fork")
#: Runs a command line as `conda run`, `honcho` or `watchmedo` do: all descriptors but the first three are closed.
WRAPPER = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
#: Becomes another program, without the way to the supervisor: what `sudo --preserve-env=…` and sandboxes come to.
LOSER = """
import os, sys
for name in ("FD", "SOCKET", "TOKEN"):
    os.environ.pop(f"BOTSESSION_AGENT_{name}")
os.execv(sys.argv[1], sys.argv[1:])
"""


def elsewhere(folder: Path, how: str, *bots: dict[str, Any], shutdown: Any = AMPLE, **body: Any) -> Supervised:
    return supervised(folder, "elsewhere.py", body={"how": how, "bots": bots, **body}, shutdown=shutdown)


def unwatched(folder: Path, *command: str, **more: Any) -> Supervised:
    return Supervised(folder, None, command=(PYTHON, "-c", LOSER, PYTHON, *command), **more)


def ended(report: ExitReport) -> tuple[Reason, Outcome]:
    return report.reason, report.outcome


@every_pipecat
@fact("a conversation in a child process, however that is started, is reported as one in the bot's own process")
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
        assert "not an event" not in session.log
    assert ended(report) == (Reason.COMPLETED, Outcome.DRAINED)


@pytest.mark.parametrize("stays", [False, True])
async def test_child_that_dies_in_mid_call_is_told(tmp_path: Path, stays: bool) -> None:
    # A parent that stays has a grace period to begin another child.
    async with elsewhere(tmp_path, "spawn", {"dies": 0.2}, stays=stays, shutdown=QUICK) as session:
        report = await session.report()
    assert ended(report) == (Reason.BOT_EXITED, Outcome.LOST)
    ends = ["the process that ran the pipeline ended before the pipeline had finished"]
    if not stays:
        # Both are gone at once, and it is the kernel's turn whose end the supervisor hears of first.
        ends.append("the bot exited with code 0 before its pipeline had finished")
    assert report.message in ends


async def test_parent_may_begin_another_child_for_one_that_died(tmp_path: Path) -> None:
    again = tmp_path / "again"
    async with elsewhere(tmp_path, "spawn", {"dies": 0.2}, {"ends": 0.2}, in_turn=str(again)) as session:
        seen = await session.until(lambda seen: seen.next_pipeline_until is not None)
        again.touch()
        report = await session.report()
    assert (seen.state, seen.pipelines_finished) == (BotState.RUNNING, 0)
    assert (*ended(report), report.message) == (Reason.COMPLETED, Outcome.DRAINED, "all said")


async def test_child_that_comes_when_the_end_was_ordered_is_ended_too(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "spawn", {"swallows": True}, after={}) as session:
        await session.running()
        assert await session.end() == 202
        await session.logged("the one that came after is gone")
        await session.hurry(90)
        report = await session.report()
    assert (*ended(report), report.stuck_at) == (Reason.END_REQUESTED, Outcome.FORCED, "hole")


async def test_child_that_crashes_is_told(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "spawn", {"crashes": "no more", "ends": 0.1}) as session:
        report = await session.report()
    assert report.outcome is Outcome.DRAINED
    assert "ValueError: no more" in session.log


async def test_parent_that_crashes_while_its_child_talks_is_told(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "subprocess", {"wakes": True}, breaks="no more") as session:
        report = await session.report()
    assert ended(report) == (Reason.BOT_ERROR, Outcome.LOST)
    assert report.message is not None
    assert report.message.startswith("ValueError: no more (elsewhere.py:")


async def test_parent_that_stays_when_its_child_is_over_is_killed(tmp_path: Path) -> None:
    async with elsewhere(tmp_path, "spawn", {"ends": 0.1}, stays=True, shutdown=QUICK) as session:
        report = await session.report()
    assert ended(report) == (Reason.COMPLETED, Outcome.DRAINED)
    assert report.ending is not None
    assert (report.ending.cause, report.ending.steps[-1].step) == (Cause.BOT_ENDED, Step.KILL)
    assert report.message is not None
    assert "did not exit and was killed" in report.message


async def test_bot_that_cannot_reach_its_supervisor_runs_unwatched_until_it_is_ended(tmp_path: Path) -> None:
    limits = SessionLimits(join_timeout_seconds=0.1, idle_timeout_seconds=0.1)
    async with unwatched(tmp_path, str(BOTS / "script.py"), limits=limits) as session:
        seen = await session.until(lambda seen: seen.unwatched is not None)
        assert seen.state is BotState.RUNNING
        assert await session.end() == 202
        report = await session.report()
        assert f"botsession: {seen.unwatched}" in session.log
    assert (*ended(report), report.exit_code) == (Reason.END_REQUESTED, Outcome.UNWATCHED, 143)
    assert report.message == seen.unwatched
    assert report.ending is not None
    assert [taken.step for taken in report.ending.steps] == [Step.TERMINATE]


@pytest.mark.parametrize(
    ("body", "reason"), [('{"ends": 0.1}', Reason.COMPLETED), ('{"ends": 0.1, "crashes": "x"}', Reason.BOT_EXITED)]
)
async def test_unwatched_bot_ends_by_itself(tmp_path: Path, body: str, reason: Reason) -> None:
    async with unwatched(tmp_path, str(BOTS / "elsewhere.py"), body) as session:
        report = await session.report()
    assert ended(report) == (reason, Outcome.UNWATCHED)
    assert report.message is not None
    assert report.message.endswith(" and could not reach the supervisor")


async def test_unwatched_bot_that_does_not_leave_is_killed(tmp_path: Path) -> None:
    async with unwatched(tmp_path, str(BOTS / "elsewhere.py"), '{"deaf": true}', shutdown=QUICK) as session:
        await session.until(lambda seen: seen.unwatched is not None)
        assert await session.end() == 202
        report = await session.report()
    assert ended(report) == (Reason.END_REQUESTED, Outcome.KILLED)


async def test_token_of_the_socket_is_redacted(tmp_path: Path) -> None:
    bot = tmp_path / "bot.py"
    bot.write_text("import os\nasync def bot(_):\n    raise ValueError(os.environ['BOTSESSION_AGENT_TOKEN'])\n")
    async with Supervised(tmp_path, str(bot)) as session:
        report = await session.report()
    assert report.message == "ValueError: [redacted] (bot.py:3 in bot)"


async def test_process_whose_environment_was_cleared_is_named(tmp_path: Path) -> None:
    command = ("env", "-i", PYTHON, str(BOTS / "script.py"))
    async with Supervised(tmp_path, None, command=command) as session:
        await session.logged("was started without PIPECAT_SETUP_FILES")
        await session.end(cause="StartTimeout")
        report = await session.report()
    assert ended(report) == (Reason.START_TIMEOUT, Outcome.NEVER_STARTED)
    assert report.message is not None
    assert report.message.startswith("Pipecat never loaded the hook: process ")
    assert "was started without PIPECAT_SETUP_FILES" in report.message


async def test_pipeline_in_a_worker_of_a_server_is_ended(tmp_path: Path) -> None:
    port = free_port()
    program = (PYTHON, "-m", "uvicorn", "--app-dir", str(BOTS), "serves:app", "--port", str(port), "--workers", "2")
    async with Supervised(tmp_path, None, command=program, shutdown=AMPLE, expose_port=port) as session:
        await session.logged("Application startup complete", times=2)
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/call") as response:
            assert response.status == 200
        report = await session.report()
    assert ended(report) == (Reason.COMPLETED, Outcome.DRAINED)
    assert report.message == "said all"
