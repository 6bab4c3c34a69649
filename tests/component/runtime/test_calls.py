"""A caller on a real WebSocket: who hung up, and whether the farewell was heard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from botsession_contract.control import SessionPatch
from botsession_contract.lifecycle import BOT_CAUSES, Farewell, Mode, Outcome, Phase, Reason, final_phase
from botsession_contract.report import ExitReport
from botsession_contract.session_limits import SessionLimits
from botsession_contract.shutdown import Shutdown
from tests.pipecats import every_pipecat, fact
from tests.ports import free_port
from tests.supervision import PATIENCE, STUCK, Supervised, supervised

GOODBYE = Shutdown(grace_period_seconds=PATIENCE, cancel_period_seconds=PATIENCE, farewell="Goodbye!")


#: Longer than any test waits.
LONG = 3600.0


@pytest.fixture
def port() -> int:
    return free_port()


class Line:
    """A bot that can be called."""

    def __init__(self, session: Supervised, port: int) -> None:
        self.session = session
        self._port = port
        self._calls = 0

    def dial(self) -> connect:
        """Call a bot that may have hung up before anybody can ask about it."""
        return connect(f"ws://127.0.0.1:{self._port}", proxy=None, open_timeout=PATIENCE)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[ClientConnection]:
        """Call, and hang up in the end; meanwhile the caller is known of."""
        async with self.dial() as connection:
            self._calls += 1
            await self.session.logged(f"call {self._calls}")
            await self.session.in_call()
            yield connection


@asynccontextmanager
async def line(folder: Path, port: int, shutdown: Shutdown = GOODBYE, **body: Any) -> AsyncIterator[Line]:
    limits = body.pop("limits", SessionLimits())
    async with supervised(folder, "call.py", body={"port": port, **body}, shutdown=shutdown, limits=limits) as session:
        await (await session.running()).logged("listening")
        yield Line(session, port)


def farewell(report: ExitReport) -> Farewell | None:
    assert report.ending is not None
    return report.ending.farewell


@every_pipecat
@fact("a bot that ends because its caller hung up is a `ClientDisconnected`")
@pytest.mark.parametrize(
    ("when_left", "outcome"),
    [
        pytest.param("cancel", Outcome.CANCELLED, id="it cancels at once"),
        pytest.param("cancel late", Outcome.CANCELLED, id="it has to save something first"),
        pytest.param("end", Outcome.DRAINED, id="it ends gracefully"),
    ],
)
async def test_bot_that_ends_because_its_caller_hung_up(
    tmp_path: Path, port: int, when_left: str, outcome: Outcome
) -> None:
    async with line(tmp_path, port, when_left=when_left) as bot:
        async with bot.call():
            pass
        report = await bot.session.report()
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, outcome)
    assert report.ending is not None
    assert report.ending.cause in BOT_CAUSES
    assert report.client_connected_at is not None
    assert report.client_disconnected_at is not None
    assert report.client_connected_at < report.client_disconnected_at < report.finished_at
    assert report.conversation
    assert report.conversation.errors == ()


async def test_caller_who_hangs_up_while_the_pipeline_starts(tmp_path: Path, port: int) -> None:
    body = {"port": port, "connects": True, "when_left": "cancel"}
    async with supervised(tmp_path, "call.py", body=body) as session:
        await session.logged("connecting")
        await session.logged("listening")  # its server is another task, which may come later
        async with connect(f"ws://127.0.0.1:{port}", proxy=None, open_timeout=PATIENCE):
            await session.logged("call 1")
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, Outcome.NEVER_STARTED)
    assert report.message == "the client left before the pipeline had started"
    assert final_phase(report.reason, report.outcome) is Phase.SUCCEEDED
    assert report.client_connected_at is not None
    assert report.client_disconnected_at is not None


async def test_bot_that_hangs_up_itself_is_not_taken_for_its_caller(tmp_path: Path, port: int) -> None:
    async with line(tmp_path, port, when_left="cancel", hangs_up=0.2, greets=True) as bot, bot.dial() as call:
        await call.wait_closed()
        report = await bot.session.report()
    assert "left" in bot.session.log.splitlines()
    assert (report.reason, report.outcome, report.message) == (Reason.COMPLETED, Outcome.DRAINED, "said goodbye")
    assert report.client_disconnected_at is None


async def test_caller_who_comes_back_has_not_left(tmp_path: Path, port: int) -> None:
    async with line(tmp_path, port, cancels_on=2) as bot:
        async with bot.call():
            pass
        await bot.session.logged("client left")
        async with bot.dial() as call:
            await call.wait_closed()
        report = await bot.session.report()
    assert (report.reason, report.client_disconnected_at) == (Reason.BOT_CANCELLED, None)


@pytest.mark.parametrize("whose", ["ours", "the bot's"])
async def test_quiet_after_the_caller_left_is_idle_and_says_so(tmp_path: Path, port: int, whose: str) -> None:
    limits = SessionLimits(idle_timeout_seconds=LONG)
    async with line(tmp_path, port, limits=limits, own_idle=1.0) as bot:
        async with bot.call():
            pass
        await bot.session.logged("client left")
        then = SessionLimits(idle_timeout_seconds=1.0 if whose == "ours" else None)
        await bot.session.patch(SessionPatch(limits=then))
        report = await bot.session.report()
    assert (report.reason, report.message) == (Reason.IDLE_TIMEOUT, "the client had left")
    assert farewell(report) is (Farewell.CLIENT_GONE if whose == "ours" else None)


@every_pipecat
@fact(
    "the farewell is spoken to its end before the EndFrame, also over the WebSocket server's transport",
    since="1.7",
    otherwise="that transport hangs up as the EndFrame passes its input; then `status.ending.farewell: ClientGone`",
)
async def test_farewell_is_spoken_to_the_end(tmp_path: Path, port: int) -> None:
    async with line(tmp_path, port, seconds=0.6, greets=True) as bot, bot.call() as call:
        await bot.session.end()
        heard = [message async for message in call]
        report = await bot.session.report()
    assert (farewell(report), report.outcome) == (Farewell.SPOKEN, Outcome.DRAINED)
    assert heard


async def test_farewell_that_takes_longer_than_the_grace_period_is_cut_short(tmp_path: Path, port: int) -> None:
    brief = replace(STUCK, farewell="Goodbye!")
    async with line(tmp_path, port, brief, seconds=30) as bot, bot.call() as call:
        await bot.session.end()
        await call.recv()
        await bot.session.hurry(PATIENCE)
        report = await bot.session.report()
    assert (farewell(report), report.outcome) == (Farewell.CUT_SHORT, Outcome.FORCED)


async def test_caller_who_hangs_up_during_the_farewell_has_not_heard_it(tmp_path: Path, port: int) -> None:
    async with line(tmp_path, port, seconds=30, when_left="cancel") as bot:
        async with bot.call() as call:
            await bot.session.end()
            await call.recv()
        report = await bot.session.report()
    assert (report.reason, farewell(report)) == (Reason.END_REQUESTED, Farewell.CLIENT_GONE)


async def test_nobody_speaks_to_a_caller_who_has_left(tmp_path: Path, port: int) -> None:
    async with line(tmp_path, port) as bot:
        async with bot.call():
            pass
        await bot.session.logged("client left")
        await bot.session.end()
        report = await bot.session.report()
    assert farewell(report) is Farewell.CLIENT_GONE
    assert "said: Goodbye!" not in bot.session.log


async def test_nobody_speaks_before_anybody_called(tmp_path: Path, port: int) -> None:
    async with line(tmp_path, port) as bot:
        await bot.session.end()
        report = await bot.session.report()
    assert farewell(report) is Farewell.NO_CLIENT


@pytest.mark.parametrize(
    ("body", "mode", "said"),
    [
        pytest.param({"mute": True}, Mode.GRACEFUL, Farewell.NO_TTS, id="nothing in it can speak"),
        pytest.param({}, Mode.IMMEDIATE, Farewell.IMMEDIATE, id="it was to end at once"),
        pytest.param({"seconds": 0}, Mode.GRACEFUL, Farewell.NO_SOUND, id="its voice fails"),
    ],
)
async def test_farewell_is_not_given(
    tmp_path: Path, port: int, body: dict[str, Any], mode: Mode, said: Farewell
) -> None:
    async with line(tmp_path, port, **body) as bot, bot.call():
        await bot.session.end(mode)
        report = await bot.session.report()
    assert farewell(report) is said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(0.2, Farewell.SYNTHESIZED, id="nothing plays its voice"),
        pytest.param(0, Farewell.NO_SOUND, id="it has no voice"),
    ],
)
async def test_farewell_without_a_transport_is_not_claimed_to_be_spoken(
    tmp_path: Path, seconds: float, said: Farewell
) -> None:
    body = {"client": True, "seconds": seconds}
    async with supervised(tmp_path, "speaks.py", body=body, shutdown=GOODBYE) as session:
        await session.in_call()
        await session.end()
        report = await session.report()
    assert (farewell(report), report.outcome) == (said, Outcome.DRAINED)


async def test_farewell_of_a_bot_that_is_stuck_in_its_own_end(tmp_path: Path) -> None:
    body = {"own_end": True}
    goodbye = replace(STUCK, farewell="Goodbye!")
    async with supervised(tmp_path, "swallows_end.py", body=body, shutdown=goodbye) as session:
        await session.logged("swallowed EndFrame")
        await session.until(lambda snapshot: snapshot.ending is not None)
        await session.end()
        await session.hurry(PATIENCE)
        report = await session.report()
    assert farewell(report) is Farewell.ALREADY_ENDING
