"""Programs that serve their callers by themselves: the kernel tells that they wait, and that somebody has come."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import connect

from botsession_contract.control import READYZ_PATH, SessionSnapshot
from botsession_contract.lifecycle import BotState, Cause, Outcome, Reason
from botsession_contract.session_limits import SessionLimits
from botsession_runtime.server_watch import LOOK_SECONDS
from tests.ports import free_port
from tests.supervision import AMPLE, BOTS, PATIENCE, Supervised, supervised

SOON = SessionLimits(join_timeout_seconds=0.5)


def is_listening(snapshot: SessionSnapshot) -> bool:
    return snapshot.listening_at is not None


def is_called(snapshot: SessionSnapshot) -> bool:
    return snapshot.called_at is not None


@asynccontextmanager
async def server(folder: Path, port: int, *arguments: str, then: str = "", **launch: Any) -> AsyncIterator[Supervised]:
    """Supervise the server as a command, and wait until it serves."""
    program = (sys.executable, str(BOTS / "serves.py"), str(port), *arguments)
    command = ("sh", "-c", f"{' '.join(program)}; {then}") if then else program
    async with Supervised(folder, None, command=command, shutdown=AMPLE, **launch) as session:
        await session.logged("serving.")
        yield session


async def offer(port: int) -> None:
    """Call as a browser does, whose connection to the server is over when it has its answer."""
    async with aiohttp.ClientSession() as http, http.post(f"http://127.0.0.1:{port}/api/offer") as response:
        assert response.status == 200


async def test_server_that_listens_is_ready_and_waits_for_its_caller(tmp_path: Path) -> None:
    port = free_port()
    async with server(tmp_path, port, expose_port=port) as session:
        snapshot = await session.until(is_listening)
        async with session.http.get(READYZ_PATH) as response:
            assert response.status == 200
    assert (snapshot.state, snapshot.called_at, snapshot.started_at) == (BotState.STARTING, None, None)


async def test_server_that_nobody_calls_has_no_client(tmp_path: Path) -> None:
    port = free_port()
    async with server(tmp_path, port, expose_port=port, limits=SOON) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.message) == (
        Reason.NO_CLIENT,
        Outcome.NEVER_STARTED,
        "no caller had connected",
    )


async def test_server_on_another_port_than_the_exposed_one_is_named(tmp_path: Path) -> None:
    port, asked = free_port(), free_port()
    async with server(tmp_path, port, expose_port=asked) as session:
        await session.logged(f"the bot listens on port {port}, but callers use port {asked}")
        await session.end(cause=Cause.START_TIMEOUT)
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.START_TIMEOUT, Outcome.NEVER_STARTED)
    assert report.message == (
        f"no caller had connected: the bot listened on port {port}, but callers use port {asked} (expose.port)"
    )


async def test_server_is_found_behind_a_wrapper(tmp_path: Path) -> None:
    port = free_port()
    async with server(tmp_path, port, then="exit", expose_port=port, limits=SOON) as session:
        report = await session.report()
    assert report.reason is Reason.NO_CLIENT


async def test_server_with_workers_is_found(tmp_path: Path) -> None:
    port = free_port()
    program = (sys.executable, "-m", "uvicorn", "--app-dir", str(BOTS), "serves:app", "--port", str(port))
    command = (*program, "--workers", "2")
    async with Supervised(tmp_path, None, command=command, shutdown=AMPLE, expose_port=port, limits=SOON) as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.NO_CLIENT, Outcome.NEVER_STARTED)


async def test_bot_that_listens_when_it_runs_waits_for_nobody(tmp_path: Path) -> None:
    port = free_port()
    async with supervised(tmp_path, "listens_late.py", body={"port": port}, expose_port=port) as session:
        await session.logged("listens.")
        snapshot = await session.until(lambda seen: seen.state is BotState.RUNNING)
    assert (snapshot.listening_at, snapshot.called_at) == (None, None)


async def test_target_may_serve_its_callers_itself(tmp_path: Path) -> None:
    port = free_port()
    async with supervised(tmp_path, "serves.py", body={"port": port}, expose_port=port) as session:
        await session.until(is_listening)
        await offer(port)
        await session.running()
        await session.end(cause=Cause.END_REQUESTED)


async def test_caller_of_a_server_begins_the_conversation(tmp_path: Path) -> None:
    port = free_port()
    async with server(tmp_path, port, expose_port=port, limits=SessionLimits(PATIENCE)) as session:
        await session.until(is_listening)
        await offer(port)
        report = await session.report()
    assert (report.reason, report.outcome, report.message) == (Reason.COMPLETED, Outcome.DRAINED, "said all")
    assert report.timings.listening is not None
    assert report.timings.pipeline_started is not None
    assert report.timings.listening < report.timings.pipeline_started


async def test_caller_has_come_whose_pipeline_has_not_started(tmp_path: Path) -> None:
    port = free_port()
    async with server(tmp_path, port, "slow", expose_port=port) as session:
        await session.until(is_listening)
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None):
            snapshot = await session.until(is_called)
            await session.end(cause=Cause.START_TIMEOUT)
            report = await session.report()
    assert snapshot.started_at is None
    assert (report.reason, report.message) == (Reason.START_TIMEOUT, "the pipeline had not started")


async def test_server_that_is_connected_to_itself_has_no_caller(tmp_path: Path) -> None:
    port, limits = free_port(), SessionLimits(join_timeout_seconds=2 * LOOK_SECONDS + 1)
    async with server(tmp_path, port, "friend", expose_port=port, limits=limits) as session:
        await session.logged("has a friend.")
        report = await session.report()
    assert report.reason is Reason.NO_CLIENT


async def test_port_that_nobody_named_is_told_of(tmp_path: Path) -> None:
    port = free_port()
    async with server(tmp_path, port, start_timeout_seconds=0.5, limits=SOON) as session:
        report = await session.report()
    assert (report.reason, report.message) == (
        Reason.NO_CLIENT,
        f"no caller had connected to port {port}, on which the bot listened",
    )


async def test_server_that_leaves_before_anybody_called(tmp_path: Path) -> None:
    port = free_port()
    async with server(tmp_path, port, then="exit 3", expose_port=port) as session:
        await session.until(is_listening)
        await session.end(cause=Cause.DELETED)
        report = await session.report()
    assert (report.reason, report.message) == (Reason.DELETED, "no caller had connected")


async def test_caller_who_leaves_a_server_whose_pipeline_starts_has_hung_up(tmp_path: Path) -> None:
    port = free_port()
    command = (sys.executable, str(BOTS / "serves_calls.py"), str(port))
    async with Supervised(tmp_path, None, command=command, shutdown=AMPLE, expose_port=port) as session:
        await session.logged("serving.")
        await session.until(is_listening)
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, open_timeout=PATIENCE):
            await session.logged("connecting.")
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, Outcome.NEVER_STARTED)
    assert report.message == "the client left before the pipeline had started"
