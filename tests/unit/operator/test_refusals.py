"""Objects that the API server has refused, and when each is tried again."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from botsession_operator.api.reasons import ConditionReason
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import Session, WaitingReason
from botsession_operator.core.session_key import Key
from botsession_operator.errors import PodRefused
from botsession_operator.refusals import ENDS_BURST, ENDS_PER_SECOND, WOKEN_AT_ONCE, Creation, Refusals
from tests.builders import session
from tests.fake_cluster import FakeClock
from tests.fakes import World
from tests.log_lines import Line

POD: Final = Creation.POD
WHY: Final = WaitingReason(ConditionReason.QUOTA_EXCEEDED, "exceeded quota: bots")
LONGEST: Final = ControllerTimeouts().create_retry_longest


class Refusing:
    """Refusals on a clock that the test moves, and the sessions that they have woken."""

    def __init__(self, jitter: float = 1.0) -> None:
        self.clock, self.woken = FakeClock(), list[Key]()
        self.refusals = Refusals(self.clock, ControllerTimeouts(), self.woken.append, lambda: jitter, self._monotonic)

    def _monotonic(self) -> float:
        return self.clock.now().timestamp()

    def refuse(self, of: Session, times: int = 1) -> list[float]:
        """Have a session refused whenever it is tried; return the waits between."""
        waits = []
        for _ in range(times):
            self.refusals.note(of, POD, WHY)
            due = self.refusals.retry_at(of.key)
            assert due
            waits.append((due - self.clock.now()).total_seconds())
            self.clock.pass_(waits[-1])
        return waits


@pytest.fixture
def refusing() -> Refusing:
    return Refusing()


def named(name: str, uid: str = "uid", generation: int = 1) -> Session:
    return replace(session(), key=Key("bots", name), uid=uid, generation=generation)


def test_a_refused_object_is_tried_after_ever_longer_waits(refusing: Refusing) -> None:
    assert refusing.refuse(named("a"), 8) == [5, 10, 20, 40, 80, 160, 300, 300]


def test_jitter_keeps_many_from_coming_at_once() -> None:
    assert Refusing(jitter=0.0).refuse(named("a"), 2) == [2.5, 5]


def test_a_refusal_stands_until_its_time(refusing: Refusing) -> None:
    refusing.refusals.note(named("a"), POD, WHY)
    assert refusing.refusals.standing(named("a"), POD) == WHY
    assert refusing.refusals.standing(named("a"), Creation.BUDGET) is None

    refusing.clock.pass_(5)

    assert refusing.refusals.standing(named("a"), POD) is None


@pytest.mark.parametrize(
    "now", [pytest.param(named("a", generation=7), id="edited"), pytest.param(named("a", uid="other"), id="made anew")]
)
def test_a_session_that_is_another_now_is_tried_at_once(refusing: Refusing, now: Session) -> None:
    refusing.refuse(named("a"), 5)
    refusing.refusals.note(named("a"), POD, WHY)

    assert refusing.refusals.standing(now, POD) is None
    assert refusing.refuse(now) == [5]


def test_a_pod_that_ends_wakes_those_that_have_waited_longest(refusing: Refusing) -> None:
    for number in range(10):
        refusing.refusals.note(named(f"s{number}"), POD, WHY)

    refusing.refusals.note_pod_ended("bots")

    assert [key.name for key in refusing.woken] == [f"s{number}" for number in range(WOKEN_AT_ONCE)]
    assert refusing.refusals.standing(named("s0"), POD) is None
    assert refusing.refusals.standing(named("s9"), POD) == WHY


def test_those_that_are_refused_again_wait_behind_the_others(refusing: Refusing) -> None:
    for number in range(8):
        refusing.refusals.note(named(f"s{number}"), POD, WHY)
    refusing.refusals.note_pod_ended("bots")
    for number in range(WOKEN_AT_ONCE):
        refusing.refusals.note(named(f"s{number}"), POD, WHY)
    refusing.woken.clear()

    refusing.refusals.note_pod_ended("bots")

    assert [key.name for key in refusing.woken] == ["s4", "s5", "s6", "s7"]


def test_many_events_of_a_pod_that_is_over_do_not_defeat_the_back_off(refusing: Refusing) -> None:
    for _ in range(100):
        refusing.refusals.note(named("a"), POD, WHY)
        refusing.refusals.note_pod_ended("bots")

    assert len(refusing.woken) == ENDS_BURST
    assert refusing.refusals.retry_at(named("a").key)


def test_a_pod_that_ends_later_wakes_sessions_again(refusing: Refusing) -> None:
    for _ in range(ENDS_BURST + 1):
        refusing.refusals.note(named("a"), POD, WHY)
        refusing.refusals.note_pod_ended("bots")
    refusing.woken.clear()
    refusing.clock.pass_(1 / ENDS_PER_SECOND)

    refusing.refusals.note_pod_ended("bots")

    assert refusing.woken == [named("a").key]


def test_pods_that_ended_before_the_first_refusal_use_up_nothing(refusing: Refusing) -> None:
    for _ in range(100):
        refusing.refusals.note_pod_ended("bots")  # a new operator lists all pods that are over
    refusing.refusals.note(named("a"), POD, WHY)

    refusing.refusals.note_pod_ended("bots")

    assert refusing.woken == [named("a").key]


def test_events_of_one_namespace_keep_no_other_from_its_room(refusing: Refusing) -> None:
    elsewhere = replace(session(), key=Key("other", "a"))
    refusing.refusals.note(elsewhere, POD, WHY)
    for _ in range(100):
        refusing.refusals.note(named("a"), POD, WHY)
        refusing.refusals.note_pod_ended("bots")

    refusing.refusals.note_pod_ended("other")

    assert refusing.woken[-1] == elsewhere.key


def test_an_object_that_is_taken_wakes_the_next(refusing: Refusing) -> None:
    for name in ("a", "b", "c"):
        refusing.refusals.note(named(name), POD, WHY)

    refusing.refusals.note_success(named("a"), POD)

    assert refusing.woken == [named("b").key]


def test_what_was_never_refused_wakes_nobody(refusing: Refusing) -> None:
    refusing.refusals.note(named("a"), POD, WHY)

    refusing.refusals.note_success(named("b"), POD)
    refusing.refusals.note_pod_ended("other")

    assert refusing.woken == []


def test_a_refusal_whose_time_has_come_asks_for_no_pass(refusing: Refusing) -> None:
    refusing.refusals.note(named("a"), Creation.BUDGET, WHY)
    refusing.clock.pass_(60)
    refusing.refusals.note(named("a"), POD, WHY)

    assert refusing.refusals.retry_at(named("a").key) == refusing.clock.now() + ControllerTimeouts().create_retry


def test_memory_goes_with_the_session(refusing: Refusing) -> None:
    for number in range(100):
        refusing.refusals.note(named(f"s{number}"), POD, WHY)
    refusing.refusals.note(named("s7"), Creation.BUDGET, WHY)
    for number in range(100):
        refusing.refusals.forget(named(f"s{number}").key)

    assert len(refusing.refusals) == 0
    assert not refusing.refusals._refused


async def test_a_refused_pod_is_tried_no_more_than_its_back_off_allows(world: World) -> None:
    world.operator = world.deps()
    world.cluster.refusal = PodRefused(WHY.reason, WHY.message)
    world.apply(startTimeout="1h")
    await world.settle()
    for _ in range(20):
        world.clock.pass_(30)
        await world.settle()

    assert 5 <= world.cluster.refused <= 8
    assert world.status.conditions[0].reason == "QuotaExceeded"


async def test_the_log_says_what_was_refused(world: World, logs: list[Line]) -> None:
    world.cluster.refusal = PodRefused(ConditionReason.QUOTA_EXCEEDED, "exceeded quota: bots")
    world.apply()
    await world.settle(world.deps())
    assert ("pod refused", "QuotaExceeded") in [(line["event"], line.get("reason")) for line in logs]


async def test_start_timeout_is_in_time_for_a_pod_that_is_refused(world: World) -> None:
    world.operator = world.deps()
    world.cluster.refusal = PodRefused(WHY.reason, WHY.message)
    world.apply(startTimeout="17s")
    created = world.clock.now()
    due = await world.run_passes()
    while not world.status.finish:
        assert due
        world.clock.reach(due)
        due = await world.run_passes()

    assert world.clock.now() - created == timedelta(seconds=17)
    await world.settle()
    assert len(world.operator.refusals) == 0


async def test_an_edit_has_a_refused_pod_tried_at_once(world: World) -> None:
    world.operator = world.deps()
    world.cluster.refusal = PodRefused(WHY.reason, WHY.message)
    world.apply()
    await world.settle()
    world.cluster.refusal = None
    await world.settle()
    assert not world.cluster.pods.names()

    world.edit(maxSessionDuration="5m")
    await world.settle()

    assert world.cluster.pods.names()


async def test_the_end_of_another_pod_has_a_refused_one_tried_at_once(world: World) -> None:
    world.operator = world.deps()
    world.cluster.refusal = PodRefused(WHY.reason, WHY.message)
    world.apply()
    await world.settle()
    world.cluster.refusal = None

    world.operator.refusals.note_pod_ended("bots")
    await world.settle()

    assert world.cluster.pods.names()
