"""The functions that Pipecat calls when it loads the hook, and the one agent of this process that they share."""

import os
from typing import Any

from .ipc import connect, mark_unreachable
from .process_agent import Agent

_agent: Agent | None = None
_is_unreachable = False


def _get_agent() -> Agent | None:
    global _agent, _is_unreachable  # the two functions that Pipecat calls share it
    if _agent is None and not _is_unreachable:
        if connection := connect():
            _agent = Agent(connection)
        else:
            # No second attempt: one pipeline would be watched and another not.
            _is_unreachable = True
            mark_unreachable()
    return _agent


def _reset_agent() -> None:
    """Forget the agent in a forked child: the workers and the connection belong to its parent."""
    global _agent, _is_unreachable  # as above
    _agent, _is_unreachable = None, False


os.register_at_fork(after_in_child=_reset_agent)


async def setup_worker_runner(runner: Any) -> None:
    """Pipecat's hook: called once per runner, inside `run()`, before its workers start."""
    if agent := _get_agent():
        try:
            agent.watch_runner(runner)
        except Exception as exc:  # noqa: BLE001  # Pipecat would log it where the supervisor does not look
            agent.report_failure(exc)


async def setup_pipeline_worker(worker: Any) -> None:
    """Pipecat's hook: called once per pipeline worker, before its processors are set up."""
    if agent := _get_agent():
        try:
            agent.watch_worker(worker)
        except Exception as exc:  # noqa: BLE001  # see above
            agent.report_failure(exc)
