"""What a bot leaves behind: the tasks that are alive when the task that ran its runner is done."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from .formatting import names_of

Tasks = set["asyncio.Task[Any]"]


def report_dangling_tasks(
    done: "asyncio.Task[Any]", owners: Iterable[Any], ours: Tasks, send: Callable[..., None]
) -> None:
    """Send how many of Pipecat's managed tasks are left, and how many tasks in all if that can be known.

    It can if `done` was the whole program: asyncio.run then cancels what is left, which `cancelling()` shows. If the
    loop runs on, the server's own tasks cannot be distinguished from those that the bot has leaked.
    """
    loop = done.get_loop()
    alive = {task for task in asyncio.all_tasks(loop) if task is not done and task not in ours}
    managed = managed_among(alive, owners)
    send("dangling", managed=len(managed), names=names_of(managed))
    if managed == alive:
        send("dangling", count=len(alive), names=names_of(alive))
        return
    cancels = {task: task.cancelling() for task in alive}
    loop.call_soon(_report_cancelled, cancels, send)


def managed_among(alive: Tasks, owners: Iterable[Any]) -> Tasks:
    """Return the tasks that Pipecat's task managers know. 1.3 and 1.4 know of tasks by name, the last of each."""
    known = {task for owner in owners for task in _tasks_of(owner)}
    names = {task.get_name() for task in known}
    return {task for task in alive if task in known or task.get_name() in names}


def _report_cancelled(cancels: "dict[asyncio.Task[Any], int]", send: Callable[..., None]) -> None:
    """Send the tasks that are left in the next iteration, if asyncio.run has cancelled all of them before it."""
    left = {task for task in cancels if not task.done()}
    if all(task.cancelling() > cancels[task] for task in left):
        send("dangling", count=len(left), names=names_of(left))


def _tasks_of(owner: Any) -> "list[asyncio.Task[Any]]":
    """Return an owner's managed tasks; a worker that was never set up has no manager and says so by raising."""
    try:
        return list(owner.task_manager.current_tasks())
    except Exception:  # noqa: BLE001  # Pipecat raises a bare Exception here
        return []
