"""A pass that reads what a watch has brought does what one does that reads live, however late the watch is."""

import pytest

from botsession_contract.lifecycle import Phase
from botsession_operator.metrics import Metrics
from botsession_operator.reconcile.deps import Deps
from botsession_operator.watch_store import MAX_WATCH_LAG_SECONDS
from tests.unit.operator.lives import finish
from tests.unit.operator.test_crash import STORIES, Fate, Mortals, Story, check, deaths, live
from tests.watched import WatchedWorld

each_story = pytest.mark.parametrize("story", [pytest.param(story, id=story.__name__) for story in STORIES])
each_watch = pytest.mark.parametrize("is_slow", [False, True], ids=["prompt", "slow"])


@each_story
@each_watch
async def test_a_life_without_a_crash(story: Story, is_slow: bool) -> None:
    """Each step of the story is another operator's, which takes over."""
    check(await live(story, Fate(), WatchedWorld(is_slow=is_slow)), story)


@each_story
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_takeover_at_any_write(story: Story, after: bool) -> None:
    """The one that takes over has seen what its watch has brought, and not what the last one was answered."""
    for write in await deaths(story, WatchedWorld(is_slow=True)):
        check(await live(story, Fate(write, after=after), WatchedWorld(is_slow=True)), story)


@pytest.mark.parametrize("brings", range(1, 4))
async def test_a_takeover_by_an_operator_whose_watch_lags_behind_its_election(brings: int) -> None:
    """It sees the session being created after it has begun to lead. The last operator has started and ended it."""
    world = WatchedWorld()
    world.is_held_from_creation = True
    world.operator = world.deps()
    world.clock.pass_(MAX_WATCH_LAG_SECONDS)
    await finish(world)
    assert not world.cluster.pods.names()

    world.watched.is_faulty = True
    world.operator = world.deps(behind=len(world.watched.delivered))
    world.watched.events, late = world.watched.events[:brings], world.watched.events[brings:]
    world.watched.deliver()
    await world.run_passes()
    world.watched.events = late + world.watched.events
    world.watched.deliver()
    await world.settle()

    assert len(world.cluster.created) == 1, "a second pod was created"
    assert [status.phase for status in world.cluster.finishes] == [Phase.SUCCEEDED]


class LateWorld(WatchedWorld):
    """Each operator begins to lead before its watch brings anything, and first looks when it has brought one event."""

    def __init__(self) -> None:
        super().__init__(is_slow=True)
        self.is_held_from_creation = True

    def deps(self, metrics: Metrics | None = None, *, behind: int = 0) -> Deps:
        deps = super().deps(metrics, behind=behind or len(self.watched.delivered))
        first, late = self.watched.events[:1], self.watched.events[1:]
        self.watched.events = first
        self.watched.deliver()
        self.watched.events = late
        return deps


@each_story
async def test_a_life_with_operators_whose_watches_lag_behind_their_elections(story: Story) -> None:
    check(await live(story, Fate(), LateWorld()), story)


class OneOperator(Mortals):
    """The same operator all along."""

    def _operator(self) -> Deps:
        self.only = self.only or super()._operator()
        return self.only

    only: Deps | None = None


@each_story
@each_watch
async def test_a_life_with_one_operator(story: Story, is_slow: bool) -> None:
    operators = OneOperator(WatchedWorld(is_slow=is_slow), Fate())
    await story(operators.world, operators)
    await operators.settle()

    check(operators, story)
