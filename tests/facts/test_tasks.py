"""Where the tasks that a bot leaves behind are listed."""

import asyncio
from typing import Any

import pytest

from tests.facts.ours import names_of
from tests.facts.sessions import PassThrough, Session, make_worker
from tests.pipecats import fact


class Leaky(PassThrough):
    """Starts tasks that nothing ends."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        for name in self.names:
            self.create_task(asyncio.Event().wait(), name)


async def left_by(*names: str) -> tuple[list[str], list[str]]:
    """Return what the runner's and the worker's task managers list after a bot that leaks, by the names it gave."""
    async with Session(make_worker(Leaky(*names))) as session:
        await session.worker.cancel()
        await session.over()
        owners: tuple[Any, ...] = (session.runner, session.worker)
        runners, workers = (names_of(owner.task_manager.current_tasks()) for owner in owners)
    return [name.partition("::")[2] for name in runners], [name.partition("::")[2] for name in workers]


@fact("a task that a processor leaves behind is in `current_tasks()` of its worker's task manager, by its name")
async def test_worker_lists_leaked_tasks() -> None:
    _, left = await left_by("poller")
    assert left == ["poller"]


@fact(
    "it is in `current_tasks()` of the runner's task manager",
    since="1.5",
    otherwise="it is in the worker's only; the hook reads both",
)
async def test_runner_lists_leaked_tasks() -> None:
    left, _ = await left_by("poller")
    assert left == ["poller"]


@fact(
    "two tasks of one name are listed as two",
    since="1.7",
    otherwise="the last of each name is; the hook finds the others by that name",
)
async def test_tasks_of_one_name_are_told_apart() -> None:
    _, left = await left_by("poller", "poller")
    assert len(left) == 2


@fact("a pipeline that ended leaves no other tasks behind")
async def test_clean_pipeline_leaves_nothing() -> None:
    async with Session(make_worker()) as session:
        await session.worker.cancel()
        await session.over()
        owners: tuple[Any, ...] = (session.runner, session.worker)
        left = [task for owner in owners for task in owner.task_manager.current_tasks() if not task.done()]
    assert left == []


@fact("a task made by `asyncio.create_task` is not listed there")
async def test_raw_tasks_are_not_managed() -> None:
    raw = asyncio.create_task(asyncio.Event().wait())
    async with Session(make_worker()) as session:
        await session.worker.cancel()
        await session.over()
        assert raw not in session.worker.task_manager.current_tasks()


@fact("a worker that never ran says that it has no task manager by raising")
async def test_worker_that_never_ran_has_no_tasks() -> None:
    worker = make_worker()
    with pytest.raises(Exception, match=r"(?i)task ?manager"):
        list(worker.task_manager.current_tasks())
