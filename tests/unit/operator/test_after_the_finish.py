"""What whole passes do with a session that has finished, and with what stays of it."""

from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Phase, Reason
from botsession_operator.core.names import ENDED_SECONDS
from botsession_operator.errors import Conflict
from botsession_operator.reconcile.gather import gather
from botsession_operator.reconcile.reconciler import reconcile
from tests.builders import KEY
from tests.fakes import World
from tests.unit.operator.lives import finish, talk


async def test_a_finished_session_that_is_deleted_goes_at_once(world: World) -> None:
    await talk(world)
    world.report(Reason.COMPLETED)
    await world.settle()

    world.delete()
    await world.settle()

    assert world.is_empty


async def test_a_finished_session_goes_after_its_time(world: World) -> None:
    await finish(world, ttlAfterFinished="10m")
    assert await reconcile(KEY, world.deps()) == world.clock.now() + timedelta(minutes=10)
    world.clock.pass_(599)
    await world.settle()
    assert not world.is_empty

    world.clock.pass_(1)
    await world.settle()

    assert world.is_empty
    assert len(world.cluster.finishes) == 1


async def test_a_finished_session_that_is_kept_needs_no_requeue(world: World) -> None:
    await finish(world, ttlAfterFinished="never")

    assert await reconcile(KEY, world.deps()) is None


async def test_an_edit_of_a_finished_session_counts(world: World) -> None:
    await finish(world, ttlAfterFinished="never")
    world.clock.pass_(60)
    world.edit(ttlAfterFinished="1m")

    await world.settle()

    assert world.is_empty


async def test_a_session_that_is_edited_while_it_expires_is_looked_at_again(world: World) -> None:
    await finish(world, ttlAfterFinished="1m")
    world.clock.pass_(60)
    seen = await gather(KEY, world.deps())
    assert seen
    world.edit(ttlAfterFinished="never")

    with pytest.raises(Conflict):
        await world.cluster.delete_session(seen.session)
    await world.settle()

    assert not world.is_empty


async def test_a_kept_pod_is_released_and_stays(world: World) -> None:
    await finish(world, podRetention="Always")

    assert world.stored_pod["metadata"]["finalizers"] == []
    assert "deletionTimestamp" not in world.stored_pod["metadata"]


async def test_the_sidecars_of_a_kept_pod_end_with_the_bot(world: World) -> None:
    await talk(world, podRetention="Always")
    world.run_sidecar()
    world.report(Reason.COMPLETED)

    await world.settle()

    assert world.status.phase is Phase.SUCCEEDED
    assert world.stored_pod["metadata"]["finalizers"] == []
    assert world.stored_pod["spec"]["activeDeadlineSeconds"] == ENDED_SECONDS


async def test_a_sidecar_has_half_a_minute_however_long_the_ladder_is(world: World) -> None:
    await talk(world, shutdown={"gracePeriod": "10m"})
    world.run_sidecar()
    world.report(Reason.COMPLETED)

    await world.settle()

    assert world.status.phase is Phase.SUCCEEDED
    assert world.stored_pod["metadata"]["finalizers"] == []
    assert world.stored_pod["metadata"]["deletionGracePeriodSeconds"] == 30


async def test_a_kept_pod_goes_with_its_session(world: World) -> None:
    await finish(world, podRetention="Always")
    world.clock.pass_(3600)

    await world.settle()

    assert world.is_empty


async def test_a_kept_pod_goes_when_it_is_kept_no_more(world: World) -> None:
    await finish(world, podRetention="Always")
    world.edit(podRetention="Never")

    await world.settle()

    assert not world.cluster.pods.names()


async def test_a_kept_pod_that_somebody_deletes_is_gone(world: World) -> None:
    await finish(world, podRetention="Always")
    world.cluster.delete_stored(world.stored_pod)

    await world.settle()

    assert not world.cluster.pods.names()
    assert world.status.phase is Phase.SUCCEEDED


async def test_the_pod_of_a_failure_is_kept(world: World) -> None:
    await talk(world, podRetention="OnFailure")
    world.end_container(reason="Error", exit_code=1)

    await world.settle()

    assert world.status.phase is Phase.FAILED
    assert world.cluster.pods.names()
