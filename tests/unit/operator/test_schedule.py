"""Which keys are due, on clocks that stand until a test moves them."""

from datetime import timedelta
from typing import Final

import pytest

from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.schedule import MAX_STALE_ENTRIES, Schedule
from tests.builders import NOW
from tests.fake_cluster import FakeClock

A, B, C = Key("bots", "a"), Key("bots", "b"), Key("bots", "c")
HOUR: Final = 3600.0


class Clocks:
    """The machine's two clocks."""

    def __init__(self) -> None:
        self.wall = FakeClock()
        self._monotonic = 1000.0

    def monotonic(self) -> float:
        return self._monotonic

    def pass_(self, seconds: float) -> None:
        self.wall.pass_(seconds)
        self._monotonic += seconds

    def set(self, seconds: float) -> None:
        """Set the wall clock; a suspended machine looks the same afterwards."""
        self.wall.pass_(seconds)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def schedule(clocks: Clocks) -> Schedule:
    return Schedule(clocks.wall, clocks.monotonic)


def put(schedule: Schedule, clocks: Clocks, key: Key, seconds: float) -> None:
    schedule.put(key, clocks.wall.now() + timedelta(seconds=seconds))


def due(schedule: Schedule) -> list[Key]:
    return [key for key, _ in schedule.take_due()]


def test_keys_come_in_the_order_of_their_times(schedule: Schedule, clocks: Clocks) -> None:
    for key, seconds in ((B, 20), (A, 5), (C, -10)):
        put(schedule, clocks, key, seconds)

    assert due(schedule) == [C]
    clocks.pass_(21)
    assert due(schedule) == [A, B]
    assert due(schedule) == []


def test_a_key_is_as_urgent_as_it_was_put(schedule: Schedule, clocks: Clocks) -> None:
    schedule.put(A, clocks.wall.now(), Priority.LOW)
    schedule.put(B, clocks.wall.now())
    clocks.pass_(1)

    assert dict(schedule.take_due()) == {A: Priority.LOW, B: Priority.NORMAL}


def test_the_last_time_that_is_asked_for_counts(schedule: Schedule, clocks: Clocks) -> None:
    put(schedule, clocks, A, 5)
    put(schedule, clocks, A, HOUR)
    put(schedule, clocks, B, HOUR)
    put(schedule, clocks, B, 7)

    assert schedule.seconds_left() == pytest.approx(7, abs=0.01)
    clocks.pass_(8)
    assert due(schedule) == [B]


def test_key_that_is_dropped_is_not_due(schedule: Schedule, clocks: Clocks) -> None:
    put(schedule, clocks, A, 5)
    schedule.drop(A)
    schedule.drop(B)

    clocks.pass_(HOUR)
    assert due(schedule) == []
    assert schedule.seconds_left() is None


def test_nothing_is_due_before_its_time(schedule: Schedule, clocks: Clocks) -> None:
    schedule.put(A, NOW + timedelta(seconds=10))

    clocks.pass_(9.9999)
    assert due(schedule) == []
    assert schedule.seconds_left() == pytest.approx(0.001, abs=0.001)


@pytest.mark.parametrize(
    ("jump", "then", "is_due"),
    [
        pytest.param(0.0, 59.0, False, id="no jump, not yet"),
        pytest.param(0.0, 60.01, True, id="no jump"),
        pytest.param(HOUR, 0.0, True, id="set forward, or suspended: past its time"),
        pytest.param(30.0, 29.0, False, id="set forward by less, not yet"),
        pytest.param(30.0, 30.01, True, id="set forward by less"),
        pytest.param(-HOUR, 59.0, False, id="set back, not yet"),
        pytest.param(-HOUR, 60.01, True, id="set back: as long as it was to be"),
        pytest.param(0.05, 59.94, False, id="a drift is no jump"),
    ],
)
def test_pass_is_in_time_though_the_clock_jumps(
    schedule: Schedule, clocks: Clocks, jump: float, then: float, is_due: bool
) -> None:
    put(schedule, clocks, A, 60)

    clocks.set(jump)
    clocks.pass_(then)

    assert due(schedule) == ([A] if is_due else [])


def test_pass_that_is_asked_for_after_a_jump_is_in_time_too(schedule: Schedule, clocks: Clocks) -> None:
    put(schedule, clocks, A, HOUR)
    clocks.set(-HOUR)
    put(schedule, clocks, B, 10)
    clocks.set(2 * HOUR)

    assert due(schedule) == [B, A]


def test_clock_that_is_set_to_and_fro_makes_nothing_late(schedule: Schedule, clocks: Clocks) -> None:
    put(schedule, clocks, A, 60)
    for jump in (-HOUR, 5.0, -5.0, HOUR):
        clocks.set(jump)
        schedule.seconds_left()

    left = schedule.seconds_left()
    assert left is not None
    assert left <= 60.01


def test_keys_that_are_put_off_again_and_again_do_not_pile_up(schedule: Schedule, clocks: Clocks) -> None:
    keys = [Key("bots", str(number)) for number in range(1000)]
    for seconds in range(10):
        for key in keys:
            put(schedule, clocks, key, HOUR + seconds)

    assert len(schedule._heap) <= 2 * len(keys) + MAX_STALE_ENTRIES
    clocks.pass_(HOUR + 10)
    assert set(due(schedule)) == set(keys)
