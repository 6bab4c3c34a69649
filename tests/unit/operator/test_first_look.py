"""What an operator that begins to lead takes from the store, without a request."""

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from botsession_contract.lifecycle import Phase
from botsession_contract.names import SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe.parse import parse_pod
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.reconcile.first_look import first_look
from botsession_operator.watch_store import TRUST_SECONDS, TRUST_SPREAD_SECONDS
from tests.builders import KEY, samples
from tests.watched import WatchedWorld

SPREAD = timedelta(hours=1)


@pytest.fixture
def world() -> WatchedWorld:
    return WatchedWorld()


async def running(world: WatchedWorld, **spec: Any) -> None:
    world.apply(**spec)
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


async def test_a_session_that_was_quiet_while_the_operator_stood_by_waits_too(world: WatchedWorld) -> None:
    """A quiet pod causes no events, so that a standby that is older than some minutes has not seen it for long."""
    await running(world, podTemplate={"spec": {"hostNetwork": True}})
    deps = world.deps()
    world.clock.pass_(TRUST_SECONDS + TRUST_SPREAD_SECONDS)
    session = world.watch_store.session(KEY)
    assert session
    assert world.watch_store.is_outdated_pod(KEY.namespace, pod_name(KEY.name, session.uid))

    when, priority = first_look(KEY, world.watch_store, deps, SPREAD)

    assert (priority, when > world.clock.now()) == (Priority.LOW, True)
    other = deps.host_ports.choose(replace(session, key=Key(KEY.namespace, "other")))
    assert other
    assert other.control != parse_pod(world.stored_pod).host_port, "the port of the quiet pod is in use"


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
