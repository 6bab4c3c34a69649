"""The work queue. Tests wait for passes, never for time: it passes in milliseconds, or where order counts by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loguru import logger as log

from botsession_operator import queue as queue_module
from botsession_operator.api.spec import SpecError
from botsession_operator.core.session_key import Key
from botsession_operator.errors import ClusterUnavailable, RequestRefused
from botsession_operator.fair_queue import Priority
from botsession_operator.queue import WorkQueue
from tests.fake_cluster import FakeClock
from tests.log_lines import Line

A, B, C = Key("bots", "a"), Key("bots", "b"), Key("bots", "c")
HOUR = timedelta(hours=1)
#: No test waits longer for a pass, in seconds.
PATIENCE = 90.0


class Wall:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Passes:
    """Records passes, and does in each what the test says."""

    def __init__(self) -> None:
        self.seen: list[Key] = []
        self.does: dict[Key, Callable[[], Awaitable[datetime | None]]] = {}
        self._news = asyncio.Condition()

    async def __call__(self, key: Key) -> datetime | None:
        async with self._news:
            self.seen.append(key)
            self._news.notify_all()
        return await self.does[key]() if key in self.does else None

    async def until(self, *keys: Key) -> None:
        """Wait until exactly these passes were given."""
        async with self._news, asyncio.timeout(PATIENCE):
            await self._news.wait_for(lambda: len(self.seen) >= len(keys))
        assert self.seen == list(keys)


@pytest.fixture
def passes() -> Passes:
    return Passes()


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue(Wall(), workers=2)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stopped(clock: FakeClock) -> WorkQueue:
    """Return a queue whose time passes by hand."""
    return WorkQueue(clock, workers=2, monotonic=lambda: 0.0)


def pass_(clock: FakeClock, queue: WorkQueue, time: timedelta) -> None:
    """Have time pass for a queue."""
    clock.pass_(time.total_seconds())
    queue._on_timer()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "FIRST_BACKOFF_SECONDS", 0.001)


@asynccontextmanager
async def working(queue: WorkQueue, passes: Passes) -> AsyncIterator[asyncio.Task[None]]:
    work = asyncio.create_task(queue.work(passes))
    try:
        yield work
    finally:
        await queue.drain(work)


def soon(milliseconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(milliseconds=milliseconds)


async def test_a_key_that_is_added_twice_gets_one_pass(queue: WorkQueue, passes: Passes) -> None:
    for key in (A, A, B):
        queue.add(key)
    assert len(queue) == 2

    async with working(queue, passes):
        await passes.until(A, B)


async def test_a_key_that_is_added_during_its_pass_gets_another(queue: WorkQueue, passes: Passes) -> None:
    async def add_once() -> None:
        if len(passes.seen) == 1:
            queue.add(A)

    passes.does[A] = add_once
    queue.add(A)

    async with working(queue, passes):
        await passes.until(A, A)


async def test_no_two_workers_have_the_same_key(queue: WorkQueue, passes: Passes) -> None:
    go_on = asyncio.Event()
    passes.does[A] = lambda: _wait(go_on)
    queue.add(A)

    async with working(queue, passes):
        await passes.until(A)
        queue.add(A)
        queue.add(B)
        await passes.until(A, B)
        go_on.set()
        await passes.until(A, B, A)


async def test_keys_come_when_they_are_due(stopped: WorkQueue, clock: FakeClock, passes: Passes) -> None:
    stopped.add_at(B, clock.now() + 2 * HOUR)
    stopped.add_at(A, clock.now() + HOUR)
    stopped.add_at(C, clock.now() - HOUR)

    async with working(stopped, passes):
        await passes.until(C)
        pass_(clock, stopped, 3 * HOUR)
        await passes.until(C, A, B)


async def test_the_last_time_that_is_asked_for_counts(queue: WorkQueue, passes: Passes) -> None:
    queue.add_at(A, soon(1))
    queue.add_at(A, soon(3_600_000))
    queue.add_at(B, soon(3_600_000))
    queue.add_at(B, soon(5))

    async with working(queue, passes):
        await passes.until(B)


async def test_a_pass_says_when_the_next_is_due(queue: WorkQueue, passes: Passes) -> None:
    async def again_once() -> datetime | None:
        return soon(1) if len(passes.seen) == 1 else None

    passes.does[A] = again_once
    queue.add(A)

    async with working(queue, passes):
        await passes.until(A, A)


async def test_a_pass_that_needs_no_other_cancels_what_was_due(
    stopped: WorkQueue, clock: FakeClock, passes: Passes
) -> None:
    stopped.add_at(A, clock.now() + HOUR)
    stopped.add(A)
    stopped.add_at(B, clock.now() + 2 * HOUR)

    async with working(stopped, passes):
        await passes.until(A)
        pass_(clock, stopped, 3 * HOUR)
        await passes.until(A, B)


@pytest.mark.parametrize("trouble", [ClusterUnavailable("no answer"), ValueError("a bug")], ids=["transient", "bug"])
async def test_a_pass_that_fails_is_tried_again(queue: WorkQueue, passes: Passes, trouble: Exception) -> None:
    async def fail_twice() -> None:
        if len(passes.seen) < 3:
            raise trouble

    passes.does[A] = fail_twice
    queue.add(A)

    async with working(queue, passes):
        await passes.until(A, A, A)


async def test_a_spec_that_is_not_understood_waits_for_its_user(queue: WorkQueue, passes: Passes) -> None:
    async def refuse() -> None:
        raise SpecError("the spec does not fit")

    passes.does[A] = refuse
    queue.add(A)
    queue.add_at(B, soon(20))

    async with working(queue, passes):
        await passes.until(A, B)


async def test_a_bug_in_one_pass_leaves_the_workers_to_the_others(
    queue: WorkQueue, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise ValueError("a bug")

    passes.does = dict.fromkeys([A, B], fail)
    monkeypatch.setattr(queue_module, "FIRST_BACKOFF_SECONDS", 3600)
    for key in (A, B, C):
        queue.add(key)

    async with working(queue, passes):
        await passes.until(A, B, C)


async def test_each_line_of_a_pass_names_its_session(queue: WorkQueue, passes: Passes, logs: list[Line]) -> None:
    async def fail() -> None:
        log.info("pod created")
        raise SpecError("the spec does not fit")

    passes.does = dict.fromkeys([A, B], fail)
    queue.add(A)
    queue.add(B)

    async with working(queue, passes):
        await passes.until(A, B)

    assert {line["event"] for line in logs} == {"pod created", "spec not understood"}
    assert sorted(line["session"] for line in logs) == [str(A), str(A), str(B), str(B)]


async def test_back_off_grows_to_a_bound(stopped: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "FIRST_BACKOFF_SECONDS", 0.2)
    waits = list[float]()
    monkeypatch.setattr(stopped, "add_at", lambda _, when: waits.append((when - clock.now()).total_seconds()))

    for _ in range(20):
        stopped._back_off(A, ClusterUnavailable("no answer"))

    assert waits[0] < 0.5
    assert 14 < waits[-1] <= 30


async def test_a_server_that_asks_for_time_gets_it(
    stopped: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = list[timedelta]()
    monkeypatch.setattr(stopped, "add_at", lambda _, when: waits.append(when - clock.now()))

    stopped._back_off(A, ClusterUnavailable("429", timedelta(seconds=20)))

    assert timedelta(seconds=20) < waits[0] < timedelta(seconds=21)


async def test_draining_lets_a_pass_end_and_begins_no_other(queue: WorkQueue, passes: Passes) -> None:
    go_on = asyncio.Event()
    passes.does[A] = lambda: _wait(go_on)
    queue.add(A)
    work = asyncio.create_task(queue.work(passes))
    await passes.until(A)

    draining = asyncio.create_task(queue.drain(work))
    await asyncio.sleep(0)
    queue.add(B)
    go_on.set()
    await draining

    assert work.done()
    assert not work.cancelled()
    assert passes.seen == [A]


async def test_draining_does_not_wait_for_a_pass_for_ever(
    queue: WorkQueue, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "DRAIN_SECONDS", 0.001)
    passes.does[A] = lambda: _wait(asyncio.Event())
    queue.add(A)
    work = asyncio.create_task(queue.work(passes))
    await passes.until(A)

    await queue.drain(work)

    assert work.cancelled()


async def test_nothing_rings_after_the_drain(queue: WorkQueue, passes: Passes) -> None:
    async with working(queue, passes):
        queue.add_at(A, soon(3_600_000))

    assert queue._timer is None


async def test_ten_thousand_sessions_wait_with_one_timer(queue: WorkQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, timers = asyncio.get_running_loop(), list[asyncio.TimerHandle]()
    call_at = loop.call_at

    def noted(*arguments: Any, **options: Any) -> asyncio.TimerHandle:
        timers.append(call_at(*arguments, **options))
        return timers[-1]

    monkeypatch.setattr(loop, "call_at", noted)
    for number in range(10_000):
        queue.add_at(Key("bots", str(number)), soon(3_600_000 + number % 7))

    assert [timer.cancelled() for timer in timers] == [False]


async def test_timer_does_not_sleep_through_a_jump_of_the_clock(queue: WorkQueue) -> None:
    queue.add_at(A, soon(3_600_000))

    assert queue._timer is not None
    assert queue._timer.when() <= asyncio.get_running_loop().time() + queue_module.MAX_SLEEP_SECONDS


async def test_what_a_jump_of_the_clock_has_made_due_gets_its_pass(
    stopped: WorkQueue, clock: FakeClock, passes: Passes
) -> None:
    stopped.add_at(A, clock.now() + HOUR)
    pass_(clock, stopped, 2 * HOUR)

    async with working(stopped, passes):
        await passes.until(A)


async def test_nearer_pass_is_not_kept_waiting_by_a_later_one(queue: WorkQueue, passes: Passes) -> None:
    queue.add_at(B, soon(3_600_000))
    queue.add_at(A, soon(5))

    async with working(queue, passes):
        await passes.until(A)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_a_session_that_a_user_waits_for_goes_before_pokes(passes: Passes) -> None:
    queue = WorkQueue(Wall(), workers=1)
    queue.add(A, Priority.LOW)
    queue.add(B, Priority.LOW)
    queue.add(C, Priority.HIGH)

    async with working(queue, passes):
        await passes.until(C, A, B)


async def test_silent_sessions_of_one_tenant_take_not_all_workers(passes: Passes) -> None:
    crowd, good = [Key("crowd", str(number)) for number in range(100)], Key("bots", "good")
    go_on, queue = asyncio.Event(), WorkQueue(Wall(), workers=16)
    passes.does = dict.fromkeys(crowd, lambda: _wait(go_on))
    for key in crowd:
        queue.add(key, Priority.HIGH)

    async with working(queue, passes):
        await passes.until(*crowd[:12])
        queue.add(good, Priority.LOW)
        await passes.until(*crowd[:12], good)
        go_on.set()


async def test_depth_is_told_by_priority(queue: WorkQueue) -> None:
    queue.add(A, Priority.HIGH)
    queue.add(B, Priority.LOW)
    queue.add(C)

    assert queue.depths() == dict.fromkeys(Priority, 1)


async def test_a_time_that_has_come_is_announced_before_its_pass(clock: FakeClock) -> None:
    announced = list[Key]()
    queue = WorkQueue(clock, monotonic=lambda: 0.0, on_due=announced.append)
    queue.add_at(A, clock.now() + HOUR)

    pass_(clock, queue, 2 * HOUR)

    assert (announced, len(queue)) == ([A], 1)


async def test_a_request_that_is_refused_for_good_is_not_tried_again_until_an_event_or_the_slow_recheck(
    passes: Passes,
) -> None:
    async def refused() -> datetime | None:
        raise RequestRefused("400: the label is too long")

    clock = FakeClock()
    queue = WorkQueue(clock, monotonic=lambda: clock.now().timestamp())
    passes.does[A] = refused
    async with working(queue, passes):
        queue.add(A)
        await passes.until(A)
        queue.add(B)
        await passes.until(A, B)
        left = queue._schedule.seconds_left()
        assert left
        assert left >= 299

        queue.add(A)  # an event
        await passes.until(A, B, A)
