"""Each example bot as its README says: run from its manifest without a cluster, called, and what was recorded of it."""

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from botsession_contract.lifecycle import Farewell, Outcome, Reason
from botsession_contract.report import DanglingTasks, ExitReport, from_bytes
from examples.transcript import store
from tests import openai_server
from tests.ports import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
BOTSESSION = Path(sys.executable).with_name("botsession")
CALLER = EXAMPLES / "parrot" / "client.py"
#: No test waits longer for anything, in seconds: a machine under load is slow, a hang is for ever.
PATIENCE = 120.0

Turns = list[tuple[str, str]]
NOTHING_LEFT = DanglingTasks(unmanaged=0)


@dataclass(slots=True)
class Run:
    """A session of an example, and its caller."""

    process: asyncio.subprocess.Process
    folder: Path
    output: str = ""
    #: Where it is none that the run has started.
    caller: asyncio.subprocess.Process | None = None

    async def until(self, text: str) -> None:
        """Read the timeline until it says this."""
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            while text not in self.output and (line := await self.process.stdout.readline()):
                self.output += line.decode()
        assert text in self.output, self.output

    async def report(self) -> ExitReport:
        """Wait for the end of it all, and give what was recorded."""
        async with asyncio.timeout(PATIENCE):
            rest, _ = await self.process.communicate()
            if self.caller:
                await self.caller.wait()
        self.output += rest.decode()
        found = [*self.folder.glob("*.report.json")]
        assert len(found) == 1, self.output
        return from_bytes(found[0].read_bytes())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    @property
    def heard(self) -> list[str]:
        """What the caller understood."""
        heard: list[str] = json.loads((self.folder / "transcript.json").read_text())["heard"]
        return heard

    @property
    def log(self) -> str:
        """All that the bot wrote."""
        return (self.folder / "bot.log").read_text()


Start = Callable[..., Awaitable[Run]]


@pytest.fixture
async def running() -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Return where to put what must not outlive the test."""
    running: list[asyncio.subprocess.Process] = []
    yield running
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def start(tmp_path: Path, running: list[asyncio.subprocess.Process]) -> Start:
    """Return what runs an example's manifest, with a caller who does as the options of client.py say."""

    async def run_example(manifest: str, *options: str, **env: str) -> Run:
        port = free_port()
        caller = shlex.join(caller_of(port, tmp_path, *options))
        running.append(await run_manifest(manifest, tmp_path, "--caller", caller, BOT_PORT=str(port), **env))
        return Run(running[-1], tmp_path)

    return run_example


@pytest.fixture
def start_called(tmp_path: Path, running: list[asyncio.subprocess.Process]) -> Start:
    """Return the same with a caller who dials until the bot listens: no time of the session passes before the call."""

    async def run_example(manifest: str, *options: str, **env: str) -> Run:
        port = free_port()
        command = caller_of(port, tmp_path, f"--connect-timeout={PATIENCE}", *options)
        caller = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        running.append(caller)
        running.append(await run_manifest(manifest, tmp_path, BOT_PORT=str(port), **env))
        return Run(running[-1], tmp_path, caller=caller)

    return run_example


def caller_of(port: int, folder: Path, *options: str) -> list[str]:
    """Return the command that calls."""
    transcript = folder / "transcript.json"
    call = (sys.executable, str(CALLER), f"--url=ws://127.0.0.1:{port}", f"--transcript={transcript}")
    return [*call, "--timeout=90", "--json", *options]


async def run_manifest(manifest: str, folder: Path, *options: str, **env: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *map(str, (BOTSESSION, "run", EXAMPLES / manifest, "--output", folder, *options)),
        env=os.environ | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """Serve an application on this machine; give its URL."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_model_that_calls_the_tool_ends_the_conversation_with_a_goodbye(start: Start) -> None:
    app = openai_server.create_app()
    async with serving(app) as url:
        env = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "none"}
        run = await start("tool_call/session.yaml", "--say=hello", "--say=goodbye", **env)
        report = await run.report()
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)
    assert report.message == openai_server.REASON
    assert run.heard == ["hello", "you said hello", "goodbye"]
    (tool,) = app[openai_server.REQUESTS][0]["tools"]
    assert tool["function"]["name"] == openai_server.TOOL


async def test_bot_gives_back_what_it_holds_when_the_caller_hangs_up(start: Start) -> None:
    run = await start("hang_up/session.yaml", "--say=hello", "--hang-up-after=4")
    report = await run.report()
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, Outcome.CANCELLED)
    assert report.client_disconnected_at is not None
    assert "freed the customer's record for hang-up" in run.log


async def test_caller_who_has_gone_quiet_is_asked_and_then_let_go(start: Start) -> None:
    run = await start("idle_prompt/session.yaml")
    report = await run.report()
    assert run.heard == ["hello", "are you still there", "goodbye"]
    assert (report.reason, report.outcome) == (Reason.IDLE_TIMEOUT, Outcome.DRAINED)
    assert report.ending is not None
    assert report.ending.farewell is Farewell.SPOKEN


async def test_time_limit_is_noticed_by_the_bot_and_then_kept_with_a_farewell(start_called: Start) -> None:
    run = await start_called("time_limit/session.yaml")
    report = await run.report()
    # In one: where a machine stands still between the last two sentences, they are heard as two.
    assert " ".join(run.heard) == "hello our time is nearly over we have reached our time limit goodbye"
    assert (report.reason, report.outcome) == (Reason.MAX_DURATION, Outcome.DRAINED)
    assert report.dangling_tasks == NOTHING_LEFT


async def test_notice_that_is_not_needed_any_more_is_no_dangling_task(start_called: Start) -> None:
    run = await start_called("time_limit/session.yaml", "--hang-up-after=2")
    report = await run.report()
    assert (report.reason, report.dangling_tasks) == (Reason.CLIENT_DISCONNECTED, NOTHING_LEFT)


@pytest.mark.parametrize(
    ("manifest", "left"),
    [
        pytest.param(
            "leak/session.yaml",
            DanglingTasks(2, ("LeakyOrders#0::poll_orders", "keep_connection_alive"), unmanaged=1),
            id="leaky",
        ),
        pytest.param("leak/tidy.yaml", NOTHING_LEFT, id="tidy"),
    ],
)
async def test_tasks_left_behind_are_named(manifest: str, left: DanglingTasks, start: Start) -> None:
    run = await start(manifest, "--say=goodbye")
    report = await run.report()
    assert report.dangling_tasks == left
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)


@dataclass(slots=True)
class Store:
    """The example's store, and what became of each request to keep something."""

    app: web.Application = field(default_factory=store.create_app)
    answers: list[int] = field(default_factory=list)
    #: The answers that get lost, first to last; a request that is not in here is answered.
    lost: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app.middlewares.append(self._watch)

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        answer: web.StreamResponse = await handler(request)
        self.answers.append(answer.status)
        return web.Response(status=502) if len(self.answers) in self.lost else answer

    def turns(self) -> Turns:
        """Return who said what in the one transcript there is."""
        ((name, kept),) = self.app[store.TRANSCRIPTS].items()
        assert name == "transcript.json"
        return [(turn["role"], turn["content"]) for turn in json.loads(kept)]


async def test_transcript_is_saved_once_though_the_first_answer_of_the_store_is_lost(start: Start) -> None:
    kept = Store(lost=[1])
    async with serving(kept.app) as url:
        run = await start("transcript/session.yaml", "--say=goodbye", TRANSCRIPT_STORE=url)
        report = await run.report()
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)
    assert kept.turns() == [("assistant", "hello"), ("user", "goodbye"), ("assistant", "goodbye")]
    assert kept.answers[:2] == [201, 412]
    assert kept.answers.count(201) == 1


async def test_transcript_of_a_caller_who_hangs_up_is_saved_once(start: Start) -> None:
    kept = Store()
    async with serving(kept.app) as url:
        run = await start("transcript/session.yaml", "--hang-up-after=10", TRANSCRIPT_STORE=url)
        report = await run.report()
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, Outcome.CANCELLED)
    assert kept.turns() == [("assistant", "hello")]
    assert kept.answers.count(201) == 1  # a bot whose machine stands still asks again, and is told that it is there


# A bug that no example should have: a processor that keeps the EndFrame to itself.
SWALLOW = """
from parrot import Parrot
from pipecat.frames.frames import EndFrame

push = Parrot.push_frame

async def push_all_but_the_end(self, frame, *direction):
    if not isinstance(frame, EndFrame):
        await push(self, frame, *direction)

async def setup_worker_runner(runner):
    Parrot.push_frame = push_all_but_the_end

async def setup_pipeline_worker(worker):
    pass
"""


async def test_transcript_of_a_pipeline_that_has_to_be_forced_is_saved_once(start: Start, tmp_path: Path) -> None:
    kept = Store()
    hook = tmp_path / "swallow.py"
    hook.write_text(SWALLOW)
    async with serving(kept.app) as url:
        run = await start("transcript/session.yaml", "--say=hello", TRANSCRIPT_STORE=url, PIPECAT_SETUP_FILES=str(hook))
        await run.until("said: hello")
        run.interrupt()
        await run.until("EndFrame queued")
        run.interrupt()
        report = await run.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.FORCED)
    assert kept.turns()[0] == ("assistant", "hello")
    assert kept.answers.count(201) == 1
