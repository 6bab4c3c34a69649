"""The operator leaves when it is asked to, and never in silence when a part of it has died."""

import asyncio
from datetime import datetime

import pytest

from botsession_operator import operate
from botsession_operator.clock import SystemClock
from botsession_operator.core.session_key import Key
from botsession_operator.errors import ClusterUnavailable
from botsession_operator.operate import WorkersDied, until_stopped
from botsession_operator.queue import WorkQueue
from tests.log_lines import Line


async def watching(stop: asyncio.Event) -> None:
    """Watch as kopf does, until the flag is set."""
    await stop.wait()


async def die(stop: asyncio.Event) -> None:
    raise ValueError("a bug")


async def _nothing(_: Key) -> datetime | None:
    return None


async def test_an_api_server_that_is_away_at_the_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate, "ASK_AGAIN_SECONDS", 0.01)
    answers: list[Exception | str] = [ClusterUnavailable("away"), ClusterUnavailable("away"), "1.36"]

    async def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await operate.when_reached(ask, asyncio.Event()) == "1.36"


async def test_an_operator_that_waits_for_the_api_server_can_be_stopped() -> None:
    stop = asyncio.Event()

    async def ask() -> str:
        stop.set()
        raise ClusterUnavailable("away")

    with pytest.raises(ClusterUnavailable):
        await operate.when_reached(ask, stop)


async def test_it_leaves_in_peace_when_it_is_asked_to() -> None:
    stop, queue = asyncio.Event(), WorkQueue(SystemClock(), workers=2)
    work = asyncio.create_task(queue.work(_nothing))
    watch = asyncio.create_task(watching(stop))
    stop.set()

    await until_stopped(work, watch, stop, queue.drain)

    assert work.done()


async def test_workers_that_die_end_the_operator_with_the_reason(logs: list[Line]) -> None:
    stop, queue = asyncio.Event(), WorkQueue(SystemClock())
    work, watch = asyncio.create_task(die(stop)), asyncio.create_task(watching(stop))

    with pytest.raises(WorkersDied) as died:
        await until_stopped(work, watch, stop, queue.drain)

    assert isinstance(died.value.__cause__, ValueError)
    assert any(line["level"] == "critical" and "a bug" in line["error"] for line in logs)


async def test_a_watch_that_dies_ends_the_workers_too() -> None:
    stop, queue = asyncio.Event(), WorkQueue(SystemClock(), workers=2)
    work = asyncio.create_task(queue.work(_nothing))

    with pytest.raises(ValueError, match="a bug"):
        await until_stopped(work, asyncio.create_task(die(stop)), stop, queue.drain)

    assert work.done()
