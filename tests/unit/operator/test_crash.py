"""The operator may die at any moment: whoever comes after it ends each session once, and leaves nothing.

Each story is lived through once per write, with an operator that dies just before or just after that write is carried
out. A new operator, which knows nothing but what it can read, goes on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry

from botsession_contract.lifecycle import Outcome, Reason
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.errors import PodRefused
from botsession_operator.metrics import Metrics
from botsession_operator.ports import Cluster, Supervisors
from botsession_operator.reconcile.deps import Deps
from tests.builders import KEY, samples
from tests.fakes import FakeWebhook, World

WRITES: Final = {
    "set_session_finalizers",
    "write_status",
    "delete_session",
    "create_pod",
    "delete_pod",
    "set_pod_finalizers",
    "create_budget",
    "delete_budget",
    "end_sidecars",
    "end",
    "adjust",
    "tell",
}
#: No story has fewer writes, so that there is something to die at.
MIN_WRITES: Final = 4


class Died(Exception):
    """The operator's process is gone."""


class Fate:
    """Counts the writes of an operator and kills it at the chosen ones, before or after they are carried out."""

    def __init__(self, *dies_at: int, after: bool = False) -> None:
        self.written = 0
        #: Whether an operator died after it had recorded the finish, and before it could count it.
        self.has_lost_the_count = False
        self._has_recorded = False
        self._dies_at = dies_at
        self._after = after

    async def carry_out(self, write: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> Any:
        self.written += 1
        dies = self.written in self._dies_at
        if dies and not self._after:
            raise Died
        result = await write(*args)
        records = write.__name__ == "write_status" and "finish" in args[2] and not self._has_recorded
        self._has_recorded |= records
        if dies:
            self.has_lost_the_count |= records
            raise Died
        return result


class Mortal:
    """A port of an operator whose fate is known."""

    def __init__(self, port: Cluster | Supervisors, fate: Fate) -> None:
        self._port = port
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        return call if name not in WRITES else lambda *args: self._fate.carry_out(call, args)


class Mortals:
    """Operators, one after the other, that look after one world."""

    def __init__(self, world: World, fate: Fate) -> None:
        self.world = world
        self.fate = fate
        #: What each operator has counted, for its own life.
        self.metrics = [Metrics(CollectorRegistry())]

    async def settle(self) -> None:
        """Run passes until nothing is to be done; where an operator dies, the next one begins from what it reads."""
        while True:
            try:
                await self.world.settle(self._operator())
            except Died:
                self._begin_anew()
                continue
            return

    async def attempt(self) -> None:
        """Run passes until nothing is to be done, or until an operator dies."""
        try:
            await self.world.settle(self._operator())
        except Died:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self.metrics.append(Metrics(CollectorRegistry()))

    def _operator(self) -> Deps:
        """Return an operator that remembers nothing but what it has counted, if it did not die."""
        deps = self.world.deps(self.metrics[-1])
        cluster, control = Mortal(deps.cluster, self.fate), Mortal(deps.supervisors, self.fate)
        return replace(deps, cluster=cluster, supervisors=control)


Story = Callable[[World, Mortals], Awaitable[None]]


async def _talk(world: World, operators: Mortals, **spec: str) -> None:
    world.apply(maxSessionDuration="1m", **spec)
    for happens in (world.schedule, world.run_container, world.start_pipeline):
        await operators.settle()
        happens()
    await operators.settle()


async def completes(world: World, operators: Mortals) -> None:
    await _talk(world, operators)
    world.report(Reason.COMPLETED)
    await operators.settle()
    world.delete()


async def runs_out_of_time(world: World, operators: Mortals) -> None:
    await _talk(world, operators)
    world.edit(maxSessionDuration="2m")
    await operators.settle()
    world.clock.pass_(120)
    await operators.settle()
    world.end_as_asked()
    await operators.settle()
    world.delete()


async def is_deleted(world: World, operators: Mortals) -> None:
    await _talk(world, operators)
    world.delete()
    await operators.settle()
    world.end_as_asked()


async def is_deleted_while_it_waits(world: World, operators: Mortals) -> None:
    world.apply()
    await operators.settle()
    world.delete()


async def hangs_and_is_killed(world: World, operators: Mortals) -> None:
    await _talk(world, operators)
    world.supervisor.answers = False
    world.delete()
    for _ in range(6):
        await operators.settle()
        world.clock.pass_(20)


async def never_gets_a_pod(world: World, operators: Mortals) -> None:
    world.cluster.refusal = PodRefused(ConditionReason.QUOTA_EXCEEDED, "exceeded quota: bots")
    world.apply()
    await operators.settle()
    world.clock.pass_(120)
    await operators.settle()
    world.delete()


async def expires(world: World, operators: Mortals) -> None:
    await _talk(world, operators, ttlAfterFinished="0s")
    world.report(Reason.COMPLETED)


async def is_kept_with_its_pod_and_expires(world: World, operators: Mortals) -> None:
    await _talk(world, operators)
    world.edit(podRetention="OnFailure", ttlAfterFinished="1h")
    world.end_container(reason="Error", exit_code=1)
    finished_at = world.clock.now()
    await operators.settle()
    assert world.status.finish, "nothing is recorded"
    assert world.cluster.pods.names(), "the pod was not kept"
    world.clock.reach(finished_at + timedelta(minutes=59))
    await operators.settle()
    assert not world.is_empty, "it was deleted early"
    world.clock.pass_(60)


async def is_protected_until_it_is_over(world: World, operators: Mortals) -> None:
    await _talk(world, operators, eviction="Never")
    assert world.cluster.budgets.names(), "it is not protected"
    world.report(Reason.COMPLETED)
    await operators.settle()
    assert not world.cluster.budgets.names(), "it is over and still protected"
    world.delete()


async def is_protected_while_it_is_in_call(world: World, operators: Mortals) -> None:
    await _talk(world, operators, eviction="WhenIdle")
    assert not world.cluster.budgets.names(), "it is protected from nothing"
    world.connect_client()
    await operators.settle()
    assert world.cluster.budgets.names(), "it is not protected"
    world.delete()
    await operators.settle()
    assert not world.cluster.budgets.names(), "it ends and is still protected"
    world.end_as_asked()


async def is_allowed_to_go_as_soon_as_it_is_protected(world: World, operators: Mortals) -> None:
    """Return the edit just when an operator may have died between the budget and the record of it."""
    world.apply(maxSessionDuration="1m", eviction="Never")
    await operators.attempt()
    world.edit(eviction="Allow")
    await operators.settle()
    assert not world.cluster.budgets.names(), "nothing was to protect it"
    world.delete()


STORIES: Final[dict[Story, tuple[Reason, Outcome]]] = {
    completes: (Reason.COMPLETED, Outcome.DRAINED),
    runs_out_of_time: (Reason.MAX_DURATION, Outcome.DRAINED),
    is_deleted: (Reason.DELETED, Outcome.DRAINED),
    is_deleted_while_it_waits: (Reason.DELETED, Outcome.NEVER_STARTED),
    hangs_and_is_killed: (Reason.DELETED, Outcome.KILLED),
    expires: (Reason.COMPLETED, Outcome.DRAINED),
    is_kept_with_its_pod_and_expires: (Reason.BOT_EXITED, Outcome.LOST),
    is_protected_until_it_is_over: (Reason.COMPLETED, Outcome.DRAINED),
    is_protected_while_it_is_in_call: (Reason.DELETED, Outcome.DRAINED),
    is_allowed_to_go_as_soon_as_it_is_protected: (Reason.DELETED, Outcome.NEVER_STARTED),
    never_gets_a_pod: (Reason.POD_REJECTED, Outcome.NEVER_STARTED),
}


async def live(story: Story, fate: Fate, world: World | None = None) -> Mortals:
    operators = Mortals(world or World(), fate)
    await story(operators.world, operators)
    await operators.settle()
    return operators


def check(operators: Mortals, story: Story) -> None:
    """Hold the world to what is promised, whenever operators died."""
    world = operators.world
    assert world.is_empty, "something is left"
    assert len(world.cluster.created) <= 1, "a second pod was made"
    (last,) = world.cluster.finishes
    assert last.finish
    assert (last.finish.reason, last.finish.outcome) == STORIES[story]
    counted = [] if operators.fate.has_lost_the_count else [(KEY.namespace, *STORIES[story])]
    assert finishes_counted(operators) == counted


def finishes_counted(operators: Mortals) -> list[tuple[str, str, str]]:
    """Return each finish that any of the operators has counted, as often as it was."""
    shown = [each for of in operators.metrics for each in samples(of.registry, "botsession_finished_total")]
    counted = [(labels, value) for labels, value in shown if value]
    assert all(value == 1 for _, value in counted)
    return [(labels["namespace"], labels["reason"], labels["outcome"]) for labels, _ in counted]


each_story = pytest.mark.parametrize("story", [pytest.param(story, id=story.__name__) for story in STORIES])


async def deaths(story: Story, world: World | None = None) -> range:
    """Return the number of each write of a story: an operator lives up to it as one does that never dies."""
    fate = Fate()
    await live(story, fate, world)
    assert fate.written >= MIN_WRITES
    return range(1, fate.written + 1)


@each_story
async def test_a_life_without_a_crash(story: Story) -> None:
    check(await live(story, Fate()), story)


@each_story
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_write(story: Story, after: bool) -> None:
    lost = 0
    for write in await deaths(story):
        operators = await live(story, Fate(write, after=after))
        check(operators, story)
        lost += operators.fate.has_lost_the_count
    # Only one death loses the count: the one right after the finish was recorded.
    assert lost == after


@each_story
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_second_crash_soon_after_the_first(story: Story, after: bool) -> None:
    for write in await deaths(story):
        check(await live(story, Fate(write, write + 1, write + 3, after=after)), story)


@each_story
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_write_keeps_no_event_from_the_webhook(story: Story, after: bool) -> None:
    for write in await deaths(story):
        world = World()
        webhook = world.webhook = FakeWebhook()
        operators = await live(story, Fate(write, after=after), world)
        check(operators, story)
        has_started = any(status.started_at for status in world.cluster.finishes)
        assert {*webhook.events} == ({"started", "finished"} if has_started else {"finished"})
        for message_id in {message_id for message_id, _ in webhook.posted}:
            first, *others = [body for sent_as, body in webhook.posted if sent_as == message_id]
            assert all(body == first for body in others), "one id, two messages"
