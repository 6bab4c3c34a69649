"""What a session's life costs in reads and writes, in counts; and what is read live although a watch has told of it."""

from datetime import timedelta
from typing import Final

import pytest

from botsession_contract.lifecycle import Outcome, Phase, Reason
from botsession_operator.api.spec import Json
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.names import ENDED_SECONDS
from botsession_operator.core.session_key import Key
from botsession_operator.errors import StatusRefused
from botsession_operator.watch_store import MAX_WATCH_LAG_SECONDS, TRUST_SECONDS, TRUST_SPREAD_SECONDS
from tests.builders import KEY
from tests.unit.operator.lives import finish, talk
from tests.watched import POD, WatchedWorld

#: Reads of sessions and pods of a whole life, from creation to deletion. The API server's policy holds sessions.
MAX_READS: Final = 2
#: Writes of sessions and pods of a whole life, without Events: the pod, its deletion and both finalizers, and two of
#: the status. One more adds the session's finalizer here, where no policy of the API server does.
MAX_WRITES: Final = 7


@pytest.fixture
def world() -> WatchedWorld:
    world = WatchedWorld()
    world.operator = world.deps()
    world.clock.pass_(MAX_WATCH_LAG_SECONDS)  # it has led for a while
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
    assert len(world.watched.reads) <= MAX_READS, world.watched.reads
    assert len(world.watched.writes) <= MAX_WRITES, world.watched.writes


async def test_a_session_that_the_watch_reported_gone_is_not_read(world: WatchedWorld) -> None:
    await finish(world)
    world.delete()
    await world.settle()
    world.watched.reads.clear()

    await world.run_passes()

    assert world.watched.reads == []


async def test_a_new_session_of_the_name_of_one_that_is_gone_starts(world: WatchedWorld) -> None:
    await finish(world)
    world.delete()
    await world.settle()
    world.cluster.created.clear()

    world.apply()
    await world.settle()

    assert world.cluster.created


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


async def test_an_edit_long_after_the_finish_still_deletes_the_kept_pod(world: WatchedWorld) -> None:
    await finish(world, podRetention="Always")
    assert world.cluster.pods.names()
    world.clock.pass_(TRUST_SECONDS + TRUST_SPREAD_SECONDS)

    world.edit(podRetention="Never")
    await world.settle()

    assert not world.cluster.pods.names()


async def test_a_new_leader_sends_no_limits_of_an_older_spec(world: WatchedWorld) -> None:
    await talk(world, maxSessionDuration="10m")
    await world.rest()
    seen_by_standby = list(world.watched.delivered)
    world.edit(maxSessionDuration="60m")
    await world.settle()
    deadline = world.supervisor.snapshot.deadline

    world.watched.delivered, world.watched.is_faulty = seen_by_standby, True
    world.operator = world.deps()
    await world.settle()

    assert world.supervisor.snapshot.deadline == deadline


async def test_a_session_that_went_before_its_finish_was_written_causes_no_loop(world: WatchedWorld) -> None:
    await talk(world)
    await world.rest()
    world.sessions.change(KEY.namespace, KEY.name, lambda raw: raw["metadata"].update(finalizers=[]))
    world.report(Reason.COMPLETED)
    world.watched.deliver()
    world.delete()
    world.watched.is_faulty = True
    world.watched.events.clear()
    world.watched.writes.clear()

    await world.settle()

    assert world.watched.writes == ["write_status", "set_pod_finalizers"]
    assert KEY not in world.watch_store


async def test_the_sidecars_of_a_kept_pod_end_soon_after_it_was_released(world: WatchedWorld) -> None:
    await talk(world, podRetention="Always")
    world.run_sidecar()
    await world.settle()
    world.report(Reason.COMPLETED)
    await world.settle()

    world.clock.pass_(ControllerTimeouts().control_retry.total_seconds())
    world.cluster.is_dirty = False
    requeue_at = await world.run_passes()

    assert world.stored_pod["spec"]["activeDeadlineSeconds"] == ENDED_SECONDS
    assert requeue_at is None or requeue_at > world.clock.now()


async def test_a_status_that_is_refused_causes_no_pass_after_a_pass(
    world: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = world.cluster.write_status

    async def write_status(key: Key, resource_version: str, status: Json) -> bool:
        if "nodeName" in status:
            raise StatusRefused("a policy says no")
        return await accepted(key, resource_version, status)

    await talk(world)
    await world.rest()
    monkeypatch.setattr(world.cluster, "write_status", write_status)
    world.edit(idleTimeout="7m")
    await world.settle()
    world.clock.pass_(60)

    requeue_at = await world.run_passes()

    assert requeue_at
    assert requeue_at > world.clock.now()


async def test_a_conflict_is_settled_by_a_live_read_while_the_watch_stands_still(world: WatchedWorld) -> None:
    await talk(world)
    world.watched.is_faulty = True
    world.edit(maxSessionDuration="20m")
    world.report(Reason.COMPLETED)
    world.watched.events = [event for event in world.watched.events if event[0] == POD]
    world.watched.deliver()

    await world.settle()

    assert [status.phase for status in world.cluster.finishes] == [Phase.SUCCEEDED]
