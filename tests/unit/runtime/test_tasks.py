"""What is left of a bot's tasks, and whose they are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from botsession_runtime.hook.tasks import managed_among, report_dangling_tasks

Main = Callable[["Manager"], Awaitable[None]]


class Manager:
    """What has Pipecat's tasks."""

    def __init__(self) -> None:
        self.task_manager = self
        self._tasks: list[asyncio.Task[Any]] = []

    def create(self, name: str) -> None:
        self._tasks.append(asyncio.create_task(asyncio.Event().wait(), name=name))

    def current_tasks(self) -> list[asyncio.Task[Any]]:
        return self._tasks


kept: set[asyncio.Task[Any]] = set()


def leak(name: str) -> "asyncio.Task[Any]":
    task = asyncio.create_task(asyncio.Event().wait(), name=name)
    kept.add(task)
    return task


async def tidy(manager: Manager) -> None:
    pass


async def leaves_managed(manager: Manager) -> None:
    manager.create("A#0::poll")


async def leaves_both(manager: Manager) -> None:
    manager.create("A#0::poll")
    leak("raw")


async def leaves_one_that_was_ours(manager: Manager) -> None:
    ours.add(leak("ours"))


async def leaves_two_of_one_name(manager: Manager) -> None:
    """1.3 and 1.4 then know of the last one only."""
    leak("A#0::poll")
    manager.create("A#0::poll")


ours: set[asyncio.Task[Any]] = set()


def events_of(main: Main) -> list[dict[str, Any]]:
    """Run a program as a command line does; give what is told of its tasks."""
    sent: list[dict[str, Any]] = []

    async def program() -> None:
        manager = Manager()
        watched = asyncio.current_task()
        assert watched is not None
        watched.add_done_callback(
            lambda task: report_dangling_tasks(task, [manager, None], ours, lambda _, **fields: sent.append(fields))
        )
        await main(manager)

    ours.clear()
    asyncio.run(program())
    return sent


@pytest.mark.parametrize(
    ("main", "sent"),
    [
        pytest.param(tidy, [{"managed": 0, "names": []}, {"count": 0, "names": []}], id="none"),
        pytest.param(
            leaves_managed,
            [{"managed": 1, "names": ["A#0::poll"]}, {"count": 1, "names": ["A#0::poll"]}],
            id="one of Pipecat's",
        ),
        pytest.param(
            leaves_both,
            [{"managed": 1, "names": ["A#0::poll"]}, {"count": 2, "names": ["A#0::poll", "raw"]}],
            id="one of either kind",
        ),
        pytest.param(
            leaves_one_that_was_ours, [{"managed": 0, "names": []}, {"count": 0, "names": []}], id="the hook's own"
        ),
        pytest.param(
            leaves_two_of_one_name,
            [{"managed": 2, "names": ["A#0::poll"] * 2}, {"count": 2, "names": ["A#0::poll"] * 2}],
            id="two of one name",
        ),
    ],
)
def test_what_a_program_leaves_behind(main: Main, sent: list[dict[str, Any]]) -> None:
    assert events_of(main) == sent


async def test_where_the_loop_runs_on_only_pipecats_own_can_be_told() -> None:
    sent: list[dict[str, Any]] = []
    manager = Manager()

    async def call() -> None:
        await leaves_both(manager)

    request = asyncio.create_task(call())
    request.add_done_callback(
        lambda task: report_dangling_tasks(task, [manager], set(), lambda _, **fields: sent.append(fields))
    )
    await request
    for _ in range(3):
        await asyncio.sleep(0)
    assert sent == [{"managed": 1, "names": ["A#0::poll"]}]
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def test_worker_that_was_never_set_up_has_no_tasks() -> None:
    assert managed_among(set(), [object()]) == set()
