"""Whose turn it is, by the order in which items are handed out."""

from collections import Counter
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_operator.fair_queue import TURNS, FairQueue, Priority

HIGH, NORMAL, LOW = Priority
ONE, OTHER = "one", "other"
Item = tuple[str, int]
#: So many that no turn goes by without one.
CROWD: Final = 1000


def put(queue: FairQueue[Item], namespace: str, numbers: range, priority: Priority = NORMAL) -> None:
    for number in numbers:
        queue.put((namespace, number), namespace, priority)


def serve(queue: FairQueue[Item], times: int) -> list[Item]:
    """Serve items one after the other; return them in their order."""
    served = []
    for _ in range(times):
        item = queue.take()
        assert item
        served.append(item)
        queue.done(item)
    return served


@pytest.fixture
def queue() -> FairQueue[Item]:
    return FairQueue(16)


def test_items_of_one_namespace_come_in_their_order(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(5))

    assert serve(queue, 5) == [(ONE, number) for number in range(5)]
    assert queue.take() is None


def test_a_crowd_of_one_namespace_does_not_delay_anothers_item(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(CROWD))
    put(queue, OTHER, range(1))

    assert (OTHER, 0) in serve(queue, 2)


def test_namespaces_take_turns(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(4))
    put(queue, OTHER, range(4))

    assert [namespace for namespace, _ in serve(queue, 6)] == [ONE, OTHER] * 3


def test_a_namespace_that_comes_back_has_no_turn_before_the_others(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(2))
    put(queue, OTHER, range(2))
    serve(queue, 1)
    put(queue, ONE, range(5, 6))

    assert serve(queue, 1) == [(OTHER, 0)]


def test_a_higher_priority_goes_first(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(CROWD), LOW)
    put(queue, ONE, range(CROWD, CROWD + 3), HIGH)

    assert serve(queue, 3) == [(ONE, CROWD + number) for number in range(3)]


def test_lower_priorities_do_not_starve(queue: FairQueue[Item]) -> None:
    for number, priority in enumerate(Priority):
        put(queue, ONE, range(number * CROWD, (number + 1) * CROWD), priority)

    served = Counter(Priority(number // CROWD) for _, number in serve(queue, 10 * len(TURNS)))

    assert served == {HIGH: 60, NORMAL: 10, LOW: 10}


def test_an_item_that_is_put_twice_waits_once_with_the_higher_priority(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(3), LOW)
    put(queue, ONE, range(2, 3), HIGH)
    put(queue, ONE, range(2, 3), NORMAL)

    assert len(queue) == 3
    assert queue.depths() == {HIGH: 1, NORMAL: 0, LOW: 2}
    assert serve(queue, 3) == [(ONE, 2), (ONE, 0), (ONE, 1)]


def test_an_item_is_not_handed_out_twice_at_once(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(1))
    held = queue.take()
    assert held
    put(queue, ONE, range(1))

    assert (queue.take(), len(queue)) == (None, 1)
    queue.done(held)
    assert queue.take() == held


def test_one_namespace_leaves_slots_to_the_others(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(CROWD), HIGH)
    while queue.take():
        pass

    assert queue.slots_in_use == 12
    put(queue, OTHER, range(1), LOW)
    assert queue.take() == (OTHER, 0)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_few_slots_are_no_standstill(slots: int) -> None:
    queue: FairQueue[Item] = FairQueue(slots)
    put(queue, ONE, range(CROWD))
    while queue.take():
        pass

    assert queue.slots_in_use == slots


def test_a_ceiling_leaves_slots_to_other_priorities() -> None:
    queue: FairQueue[Item] = FairQueue(16, {LOW: 4})
    put(queue, ONE, range(CROWD), LOW)
    while queue.take():
        pass

    assert queue.slots_in_use == 4
    put(queue, ONE, range(CROWD, CROWD + 1), NORMAL)
    assert queue.take() == (ONE, CROWD)


def test_what_is_discarded_does_not_come(queue: FairQueue[Item]) -> None:
    put(queue, ONE, range(2))
    queue.discard((ONE, 0))
    queue.discard((OTHER, 0))

    assert serve(queue, 1) == [(ONE, 1)]
    assert queue.take() is None


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.sampled_from(Priority), st.booleans()), max_size=60
    )
)
def test_every_item_comes_once_and_nothing_is_kept(moves: list[tuple[str, int, Priority, bool]]) -> None:
    queue: FairQueue[Item] = FairQueue(4, {LOW: 1})
    waiting, held = set[Item](), list[Item]()
    for namespace, number, priority, takes in moves:
        queue.put((namespace, number), namespace, priority)
        waiting.add((namespace, number))
        if takes and (item := queue.take()):
            assert item in waiting
            assert item not in held
            waiting.discard(item)
            held.append(item)
    while waiting or held:
        if item := queue.take():
            waiting.remove(item)
            held.append(item)
        else:
            queue.done(held.pop())

    assert len(queue) == queue.slots_in_use == 0
    assert not any([queue._positions, *queue._waiting.values(), queue._held_by])
