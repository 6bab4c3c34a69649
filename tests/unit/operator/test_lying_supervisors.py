"""A supervisor that lies about the time keeps no session from its end: anything may listen in a pod."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from botsession_contract.control import SessionSnapshot
from botsession_contract.json_codec import LAST_DAY
from botsession_contract.lifecycle import BotState, Cause, Mode
from botsession_contract.report import Ending
from botsession_operator.core.observe.observed import Pod
from tests.fakes import World
from tests.unit.operator.lives import begin, talk

FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: What is said by a supervisor of the time of the answer, and of the time at which it was asked to end.
LIES: Final[dict[str, Callable[[datetime], tuple[datetime, datetime]]]] = {
    "asked in 170 years": lambda now: (now, LAST_DAY),
    "asked in a minute": lambda now: (now, now + timedelta(minutes=1)),
    "asked now, each time": lambda now: (now, now),
    "a clock that stands, ahead": lambda _: (LAST_DAY, LAST_DAY),
    "a clock that stands, behind": lambda now: (FIRST, now),
    "asked long ago by a clock that is ahead": lambda _: (LAST_DAY, FIRST),
}


def lie(world: World, answer: Callable[[datetime], SessionSnapshot]) -> None:
    async def lies(_: Pod, _token: str, *_request: object) -> SessionSnapshot:
        return answer(world.clock.now())

    for action in ("snapshot", "end", "adjust"):
        setattr(world.control, action, lies)


async def is_deleted_within(world: World, hours: float) -> bool:
    """Return all passes that are due, until the pod is deleted."""
    until = world.clock.now() + timedelta(hours=hours)
    while world.clock.now() < until:
        due = await world.run_passes()
        if not world.cluster.pods.names() or "deletionTimestamp" in world.stored_pod["metadata"]:
            return True
        world.clock.reach(max(due or until, world.clock.now() + timedelta(seconds=1)))
    return False


@pytest.fixture
def world() -> World:
    world = World()
    world.operator = world.deps()
    return world


@pytest.mark.parametrize("wanted", ["delete", "end", "limit"])
@pytest.mark.parametrize("said", LIES.values(), ids=LIES)
async def test_a_supervisor_cannot_put_off_the_end(
    world: World, said: Callable[[datetime], tuple[datetime, datetime]], wanted: str
) -> None:
    await talk(world, maxSessionDuration="5m")
    known = world.supervisor.snapshot

    def answer(now: datetime) -> SessionSnapshot:
        clock, asked_at = said(now)
        ending = Ending(Cause.DELETED, Mode.GRACEFUL, asked_at)
        return replace(known, state=BotState.ENDING, now=clock, ending=ending)

    lie(world, answer)
    if wanted == "delete":
        world.delete()
    elif wanted == "end":
        world.edit(end="Graceful")

    assert await is_deleted_within(world, 0.25)


async def test_a_caller_who_has_always_just_come_does_not_put_off_the_start(world: World) -> None:
    await begin(world)
    known = world.supervisor.snapshot
    lie(world, lambda now: replace(known, now=now, listening_at=now, called_at=now))

    assert await is_deleted_within(world, 0.25)


async def test_what_is_written_of_the_last_day_can_be_read(world: World) -> None:
    await begin(world)
    last = LAST_DAY + timedelta(hours=23, minutes=59)
    world.supervisor.snapshot = replace(world.supervisor.snapshot, state=BotState.RUNNING, started_at=last)

    await world.settle()

    assert world.status.deadline == LAST_DAY
