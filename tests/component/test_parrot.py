"""The example bot holds a real spoken conversation: nothing is mocked, every word goes through the air as sound."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.supervision import PATIENCE

PARROT = Path(__file__).parents[2] / "examples" / "parrot"
FAREWELL = "we have reached our time limit goodbye"
GREETING_SECS = 10.0  # long enough for the whole greeting on any machine

# Queues a farewell from outside the bot, as an operator with a time limit would.
FAREWELL_HOOK = """
import asyncio
from pipecat.frames.frames import BotStoppedSpeakingFrame, EndFrame, TTSSpeakFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.worker import PipelineWorker
from pipecat.workers.runner import WorkerRunner

class EndSoonAfterGreeting(BaseObserver):
    def __init__(self, worker: PipelineWorker) -> None:
        super().__init__()
        self.worker = worker
        self.ending: asyncio.Task[None] | None = None

    async def on_push_frame(self, data: FramePushed) -> None:
        if isinstance(data.frame, BotStoppedSpeakingFrame) and self.ending is None:
            self.ending = asyncio.create_task(self.end())

    async def end(self) -> None:
        await asyncio.sleep(3)
        await self.worker.queue_frame(TTSSpeakFrame("We have reached our time limit. Goodbye!"))
        await self.worker.queue_frame(EndFrame(reason="time limit"))

async def setup_worker_runner(runner: WorkerRunner) -> None:
    pass

async def setup_pipeline_worker(worker: PipelineWorker) -> None:
    worker.add_observer(EndSoonAfterGreeting(worker))

    @worker.event_handler("on_pipeline_finished")
    async def on_pipeline_finished(_worker, frame) -> None:
        print(type(frame).__name__, frame.reason, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Call:
    """What the caller heard, and how the bot's process ended."""

    heard: list[str]
    closed_by: str
    exit_code: int
    output: str


Caller = Callable[..., Awaitable[Call]]


@pytest.fixture(autouse=True)
def _needs_espeak() -> None:
    if shutil.which("espeak-ng") is None:
        pytest.fail("espeak-ng is not installed; the parrot needs it to speak (Debian: apt-get install espeak-ng)")


@pytest.fixture
def port() -> int:
    return free_port()


@asynccontextmanager
async def python(script: str, *arguments: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of the example's scripts as a user would, and never leave it behind."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PARROT / script), *arguments, stdout=asyncio.subprocess.PIPE, env=os.environ | env
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def finish(process: asyncio.subprocess.Process, within: float) -> str:
    """Wait for a script to end by itself, and return what it printed."""
    output, _ = await asyncio.wait_for(process.communicate(), within)
    return output.decode()


@pytest.fixture
def call(port: int) -> Caller:
    """Start a bot, call it, and wait for both to end by themselves."""

    async def call_bot(*say: str, hang_up_after: float | None = None, **env: str) -> Call:
        arguments = [f"--url=ws://127.0.0.1:{port}", f"--connect-timeout={PATIENCE}", "--json"]
        arguments += [f"--say={sentence}" for sentence in say]
        arguments += [f"--hang-up-after={hang_up_after}"] if hang_up_after else []
        async with python("bot.py", BOT_PORT=str(port), **env) as bot, python("client.py", *arguments) as client:
            result: dict[str, Any] = json.loads((await finish(client, 2 * PATIENCE)).splitlines()[-1])
            output = await finish(bot, PATIENCE)
        assert bot.returncode is not None
        return Call(result["heard"], result["closed_by"], bot.returncode, output)

    return call_bot


async def test_bot_repeats_what_it_hears_and_ends_itself_at_goodbye(call: Caller) -> None:
    conversation = await call("hello", "goodbye")
    assert conversation == Call(["hello", "you said hello", "goodbye"], "bot", exit_code=0, output="")


async def test_farewell_queued_from_outside_is_heard_whole_by_a_silent_caller(call: Caller, tmp_path: Path) -> None:
    hook = tmp_path / "farewell.py"
    hook.write_text(FAREWELL_HOOK)
    conversation = await call(PIPECAT_SETUP_FILES=str(hook))
    # In one: where a machine stands still between the farewell's sentences, they are heard as two.
    assert " ".join(conversation.heard) == f"hello {FAREWELL}"
    assert replace(conversation, heard=[]) == Call([], "bot", exit_code=0, output="EndFrame time limit\n")


async def test_bot_ends_when_the_caller_hangs_up(call: Caller) -> None:
    conversation = await call(hang_up_after=GREETING_SECS)
    assert conversation == Call(["hello"], "client", exit_code=0, output="")
