"""What an operator that begins to lead takes from the store, without a request."""

import copy
from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Phase
from botsession_contract.names import SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.names import pod_name
from botsession_operator.fair_queue import Priority
from botsession_operator.reconcile.first_look import first_look
from tests.builders import KEY, samples
from tests.watched import WatchedWorld

SPREAD = timedelta(hours=1)


@pytest.fixture
def world() -> WatchedWorld:
    return WatchedWorld()


async def running(world: WatchedWorld) -> None:
    world.apply()
    await world.run_passes()
    world.schedule()
    world.run_container()
    world.start_pipeline()
    await world.run_passes()
    world.watched.deliver()


async def test_a_session_that_runs_waits_and_is_known_at_once(world: WatchedWorld) -> None:
    await running(world)
    deps = world.deps()
    world.control.asked.clear()
    world.watched.reads.clear()

    when, priority = first_look(KEY, world.watch_store, deps, SPREAD)

    assert (priority, when > world.clock.now()) == (Priority.LOW, True)
    running_now = {"namespace": KEY.namespace, "phase": Phase.RUNNING}
    assert (running_now, 1.0) in samples(deps.metrics.registry, "botsession_sessions")
    assert (world.control.asked, world.watched.reads) == ([], [])


async def test_a_session_that_was_edited_is_urgent(world: WatchedWorld) -> None:
    await running(world)
    world.edit(maxSessionDuration="5m")
    world.watched.deliver()

    assert first_look(KEY, world.watch_store, world.deps(), SPREAD) == (world.clock.now(), Priority.HIGH)


async def test_a_session_whose_pod_belongs_to_another_is_looked_at_at_once(world: WatchedWorld) -> None:
    await running(world)
    deps, store = world.deps(), world.watch_store
    session = store.session(KEY)
    assert session
    stranger: Json = copy.deepcopy(world.stored_pod)
    stranger["metadata"] |= {"uid": "other", "resourceVersion": "999", "ownerReferences": []}
    stranger["metadata"]["labels"][SESSION_UID_LABEL] = "other"
    store.pod_event("ADDED", stranger)
    assert store.pod(KEY.namespace, pod_name(KEY.name, session.uid))

    assert first_look(KEY, store, deps, SPREAD) == (world.clock.now(), Priority.NORMAL)


async def test_a_session_that_cannot_be_read_is_looked_at_at_once(world: WatchedWorld) -> None:
    world.apply()
    unreadable = copy.deepcopy(world.sessions.get(KEY.namespace, KEY.name))
    assert unreadable
    unreadable["spec"]["bot"] = {"image": 7}
    deps, store = world.deps(), world.watch_store
    store.session_event("ADDED", unreadable)

    assert first_look(KEY, store, deps, SPREAD) == (world.clock.now(), Priority.NORMAL)
