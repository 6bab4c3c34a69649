"""What a session's life costs in reads and writes, in counts; and what is read live although a watch has told of it."""

from datetime import timedelta
from typing import Final

import pytest

from botsession_contract.lifecycle import Outcome, Phase, Reason
from tests.builders import KEY
from tests.unit.operator.lives import finish, talk
from tests.watched import WatchedWorld

#: Reads of sessions and pods of a whole life, from creation to deletion. The API server's policy holds sessions.
MOST_READS: Final = 4
#: Writes of sessions and pods of a whole life, without Events: the pod, its deletion and both finalizers, and two of
#: the status. One more adds the session's finalizer here, where no policy of the API server does.
MOST_WRITES: Final = 7


@pytest.fixture
def world() -> WatchedWorld:
    world = WatchedWorld()
    world.operator = world.deps()
    return world


async def test_a_pod_is_created_without_a_read(world: WatchedWorld) -> None:
    world.apply()
    await world.settle()

    assert world.cluster.created
    assert world.watched.reads == []


async def test_a_quiet_session_costs_no_read(world: WatchedWorld) -> None:
    await talk(world)
    await world.rest()
    world.watched.reads.clear()

    for _ in range(5):
        world.clock.pass_(30)
        await world.settle()

    assert world.status.phase is Phase.RUNNING
    assert world.watched.reads == []


async def test_a_life_costs_few_reads(world: WatchedWorld) -> None:
    await finish(world)
    world.delete()
    await world.settle()

    assert world.is_empty
    assert len(world.watched.reads) <= MOST_READS, world.watched.reads
    assert len(world.watched.writes) <= MOST_WRITES, world.watched.writes


async def test_an_own_write_asks_for_no_pass(world: WatchedWorld) -> None:
    await talk(world)
    await world.rest()
    world.cluster.is_dirty = False

    world.clock.pass_(30)
    await world.run_passes()
    world.watched.deliver()

    assert not world.cluster.is_dirty


async def test_a_deadline_that_was_extended_meanwhile_is_not_kept(world: WatchedWorld) -> None:
    await talk(world, maxSessionDuration="1m")
    world.edit(maxSessionDuration="10m")
    world.watched.events.clear()  # lost with the watch
    world.clock.pass_(60)

    await world.settle()

    assert world.supervisor.requests == []
    assert world.status.phase is Phase.RUNNING


async def test_a_pod_that_went_while_the_watch_was_lost_is_missed_when_its_supervisor_is_silent(
    world: WatchedWorld,
) -> None:
    await talk(world)
    world.supervisor.answers = False
    world.cluster.pods.change(KEY.namespace, world.pod_name, lambda raw: raw["metadata"].update(finalizers=[]))
    world.cluster.pods.delete(KEY.namespace, world.pod_name, timedelta(0))
    world.cluster.pods.collect(KEY.namespace, world.pod_name)
    world.watched.events.clear()

    for _ in range(4):
        world.clock.pass_(30)
        await world.settle()

    (last,) = world.cluster.finishes
    assert last.finish
    assert (last.finish.reason, last.finish.outcome) == (Reason.UNKNOWN, Outcome.LOST)


async def test_a_session_that_went_while_the_watch_was_lost_is_forgotten(world: WatchedWorld) -> None:
    await talk(world)
    world.sessions.change(KEY.namespace, KEY.name, lambda raw: raw["metadata"].update(finalizers=[]))
    world.delete()
    world.watched.events.clear()

    for _ in range(25):
        world.clock.pass_(30)
        await world.settle()

    assert KEY not in world.watch_store
    assert not world.stored_pod["metadata"]["finalizers"], "its pod is held for nobody"
