"""Pokes come from strangers: they cost nothing but for sessions that exist, and those little."""

import asyncio
from datetime import datetime

import pytest

from botsession_operator.clock import SystemClock
from botsession_operator.core.session_key import Key, parse_key
from botsession_operator.fair_queue import Priority
from botsession_operator.poke_gate import (
    ADDRESS_BURST,
    MAX_ADDRESSES,
    SESSION_BURST,
    Admission,
    PokeGate,
    TokenBuckets,
)
from botsession_operator.queue import WorkQueue

A, B = Key("bots", "a"), Key("bots", "b")
STRANGER, POD = "10.0.0.66", "10.0.0.7"


class Seconds:
    """A monotonic clock that stands until the test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def known() -> set[Key]:
    known = set[Key]()
    for key in (A, B):
        known.add(key)
    return known


@pytest.fixture
def marked() -> list[Key]:
    return []


@pytest.fixture
def gate(known: set[Key], marked: list[Key], seconds: Seconds) -> PokeGate:
    return PokeGate(known.__contains__, marked.append, seconds)


def test_a_poke_for_a_session_that_exists_marks_it(gate: PokeGate, marked: list[Key]) -> None:
    assert gate.poke(POD, A) is Admission.ADMITTED
    assert marked == [A]


def test_a_poke_for_a_session_that_does_not_exist_is_dropped(gate: PokeGate, marked: list[Key]) -> None:
    for number in range(5000):
        assert gate.poke(STRANGER, Key("bots", f"made-up-{number}")) is Admission.UNKNOWN
    assert gate.poke(STRANGER, parse_key("bots", "x" * 65)) is Admission.UNKNOWN
    assert marked == []


def test_a_session_that_is_gone_is_poked_no_more(gate: PokeGate, known: set[Key], marked: list[Key]) -> None:
    known.discard(A)

    assert gate.poke(POD, A) is Admission.UNKNOWN
    assert marked == []


def test_made_up_names_take_nothing_of_an_address(gate: PokeGate) -> None:
    for _ in range(10 * ADDRESS_BURST):
        gate.poke(POD, Key("bots", "made-up"))

    assert gate.poke(POD, A) is Admission.ADMITTED


def test_an_address_pokes_no_more_often_than_it_may(known: set[Key], seconds: Seconds) -> None:
    sessions = [Key("bots", str(number)) for number in range(1000)]
    for key in sessions:
        known.add(key)
    marked: list[Key] = []
    gate = PokeGate(known.__contains__, marked.append, seconds)

    for key in sessions:
        gate.poke(STRANGER, key)
    assert len(marked) == ADDRESS_BURST

    seconds.now += 1
    for key in reversed(sessions):
        gate.poke(STRANGER, key)
    assert ADDRESS_BURST < len(marked) <= ADDRESS_BURST + 20


def test_a_stranger_who_pokes_without_end_does_not_silence_the_pod(gate: PokeGate, seconds: Seconds) -> None:
    for _ in range(50):
        for _ in range(1000):
            gate.poke(STRANGER, B)
        seconds.now += 0.01

    assert gate.poke(POD, A) is Admission.ADMITTED


def test_a_session_is_poked_no_more_often_than_it_may_however_many_addresses_do_it(
    gate: PokeGate, marked: list[Key], seconds: Seconds
) -> None:
    for number in range(1000):
        gate.poke(f"10.1.{number // 256}.{number % 256}", A)
    assert marked == [A] * SESSION_BURST

    seconds.now += 60
    assert gate.poke(POD, A) is Admission.ADMITTED


def test_addresses_are_forgotten_where_there_are_too_many(seconds: Seconds) -> None:
    buckets = TokenBuckets[int](1, 1, MAX_ADDRESSES, seconds)
    for number in range(3 * MAX_ADDRESSES):
        buckets.take(number)

    assert len(buckets) == MAX_ADDRESSES


def test_a_bucket_fills_with_time_and_not_beyond_its_size(seconds: Seconds) -> None:
    buckets = TokenBuckets[str](2, 0.5, 10, seconds)
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]

    seconds.now += 2
    assert [buckets.take("a") for _ in range(2)] == [True, False]

    seconds.now += 1000
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]


async def test_a_real_event_goes_before_a_flood_of_pokes(known: set[Key]) -> None:
    queue, passes, real = WorkQueue(SystemClock()), list[Key](), Key("tenant", "call")
    sessions = [Key("bots", str(number)) for number in range(500)]
    for key in sessions:
        known.add(key)
    gate = PokeGate(known.__contains__, lambda key: queue.add(key, Priority.LOW))

    for number in range(10_000):
        gate.poke(f"10.2.0.{number % 50}", sessions[number % 500])
        gate.poke(STRANGER, Key("bots", f"made-up-{number}"))
    flooded = len(queue)
    queue.add(real, Priority.NORMAL)

    async def do_pass(key: Key) -> datetime | None:
        passes.append(key)
        if len(passes) > flooded:
            done.set()
        return None

    done = asyncio.Event()
    work = asyncio.create_task(queue.work(do_pass))
    await done.wait()
    await queue.drain(work)
    assert passes[0] == real
    assert len(passes) == flooded + 1
    assert set(passes) <= {real, *sessions}
