"""How Pipecat loads our hook into a bot that knows nothing of it, and what the hook finds there."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pipecat
import pytest
from pipecat.workers.base_worker import BaseWorker

from tests.facts.sessions import PassThrough, Session, make_worker
from tests.pipecats import fact

HOOK = """
import asyncio

async def setup_worker_runner(runner):
    runner.hooked_in = asyncio.current_task()
    {then}

async def setup_pipeline_worker(worker):
    worker.hooked = getattr(worker, "hooked", 0) + 1
    worker.was_started = worker.has_started = False
    worker.add_event_handler("on_pipeline_started", lambda *_: setattr(worker, "has_started", True))
    {then}
"""


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_hook(tmp_path, monkeypatch, "pass")


def use_hook(folder: Path, monkeypatch: pytest.MonkeyPatch, *then: str) -> None:
    """Have Pipecat load hooks of these last lines. It keeps what it loaded by path, so each test has its own."""
    files = [folder / f"hook{number}.py" for number, _ in enumerate(then)]
    for file, line in zip(files, then, strict=True):
        file.write_text(HOOK.format(then=line))
    monkeypatch.setenv("PIPECAT_SETUP_FILES", os.pathsep.join(str(file) for file in files))


@fact("`PIPECAT_SETUP_FILES` loads `setup_worker_runner` and `setup_pipeline_worker` into an unchanged bot")
async def test_both_functions_are_called(hook: None) -> None:
    async with Session(make_worker()) as session:
        assert hasattr(session.runner, "hooked_in")
        assert getattr(session.worker, "hooked", 0) == 1


@fact("several files can be named in it, parted as in `PATH`")
async def test_every_file_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_hook(tmp_path, monkeypatch, "pass", "pass")
    async with Session(make_worker()) as session:
        assert getattr(session.worker, "hooked", 0) == 2


@fact("a hook that raises does not keep the bot from running")
async def test_raising_hook_is_only_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_hook(tmp_path, monkeypatch, "raise RuntimeError('ours')")
    async with Session(make_worker()) as session:
        assert getattr(session.worker, "hooked", 0) == 1


@fact("the hook of a worker is called before its pipeline starts")
async def test_hook_is_early_enough_for_the_start(hook: None) -> None:
    async with Session(make_worker()) as session:
        assert getattr(session.worker, "has_started", False)


@fact("the hook of the runner is called in the task that awaits `runner.run()`, whose end is the end of the bot")
async def test_hook_runs_in_the_runners_task(hook: None) -> None:
    async with Session(make_worker()) as session:
        assert getattr(session.runner, "hooked_in", None) is session.run


@fact("an exception of the bot's own code is that task's exception")
async def test_exception_is_the_tasks(hook: None) -> None:
    async with Session(make_worker()) as session:

        async def bot() -> None:
            await asyncio.shield(session.run)
            raise RuntimeError("the bot's")

        await session.worker.cancel()
        task = asyncio.create_task(bot())
        await asyncio.wait([task])
        assert isinstance(task.exception(), RuntimeError)


@fact("`worker.parent` is None for a root worker, and names the parent of one below it")
async def test_parent_tells_a_root_worker() -> None:
    helper = make_worker(name="helper")
    async with Session(make_worker(name="conversation")) as session:
        await session.worker.add_workers(helper)
        assert (session.worker.parent, helper.parent) == (None, "conversation")


@fact("a worker has its `pipeline`, and that its `processors`, the last of which is the way out")
async def test_pipeline_is_public() -> None:
    last = PassThrough()
    async with Session(make_worker(PassThrough(), last)) as session:
        processors: list[Any] = list(session.worker.pipeline.processors)
    assert processors[-1].name.endswith("::Sink")
    assert last.processors == []


@fact("`pipecat.__version__` says which Pipecat it is")
async def test_version_is_known() -> None:
    assert pipecat.__version__.split(".")[0].isdigit()


@fact("`runner.end()` ends root workers that have no pipeline, and so no hook")
async def test_runner_ends_what_has_no_pipeline() -> None:
    async with Session(make_worker(), BaseWorker("listener")) as session:
        await session.worker.cancel()
        await session.last_frame()
        await session.runner.end(reason="over")
        await session.over()
