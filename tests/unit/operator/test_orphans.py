"""What whole passes do with what others have left: pods without a session, sessions of another version."""

from dataclasses import replace
from typing import Any

import pytest

from botsession_contract.names import REPORT_FINALIZER, SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.session_key import Key
from botsession_operator.reconcile.reconciler import reconcile
from tests.builders import KEY
from tests.fakes import World
from tests.unit.operator.lives import names, talk


async def test_a_pod_whose_session_went_by_hand_is_released(world: World) -> None:
    await talk(world)
    world.delete()
    world.sessions.change(*names(), lambda stored: stored["metadata"].update(finalizers=[]))
    world.sessions.collect(*names())
    world.cluster.delete_stored(world.stored_pod)  # as the garbage collector does
    await world.settle()

    world.end_container(reason="Error", exit_code=1)

    assert world.is_empty


async def test_a_new_session_of_the_same_name_does_not_hide_the_pod_of_the_old(world: World) -> None:
    await talk(world)
    old = world.pod_name
    world.sessions.change(*names(), lambda stored: stored["metadata"].update(finalizers=[]))
    world.delete()
    world.apply()

    await world.rest()

    pods = [world.cluster.pods.get(*place) or {} for place in world.cluster.pods.names()]
    assert {pod["metadata"]["name"]: pod["metadata"]["finalizers"] for pod in pods} == {
        old: [],
        world.status.pod_name: [REPORT_FINALIZER],
    }


def become_unreadable(world: World) -> None:
    """Let the session be one that another version has written."""
    world.edit(podRetention="Sometimes")


async def test_a_session_of_another_version_is_left_alone(world: World) -> None:
    await talk(world)
    become_unreadable(world)

    with pytest.raises(SpecError):
        await world.settle()

    assert "deletionTimestamp" not in world.stored_pod["metadata"]


async def test_a_session_of_another_version_says_what_is_wrong(world: World) -> None:
    await talk(world)
    become_unreadable(world)

    with pytest.raises(SpecError):
        await world.settle()

    (controlled,) = (each for each in world.status.conditions if each.type == "Controlled")
    assert (controlled.status, controlled.reason) == ("False", "SpecRefused")
    assert "Sometimes" in controlled.message
    assert [event.reason for event in world.cluster.recorded_events][-1] == "SpecRefused"


async def test_a_session_of_another_version_says_so_once(world: World) -> None:
    world.store(podRetention="Sometimes")

    for _ in range(3):
        with pytest.raises(SpecError):
            await reconcile(KEY, world.deps())

    assert [event.reason for event in world.cluster.recorded_events] == ["SpecRefused"]


async def test_a_session_of_another_version_ends_gracefully_when_it_is_deleted(world: World) -> None:
    await talk(world)
    become_unreadable(world)
    world.delete()

    await world.settle()

    assert world.stored_pod["metadata"]["deletionGracePeriodSeconds"] == 45
    assert world.sessions.names()
    world.end_container()
    await world.settle()
    assert world.is_empty


async def test_a_session_of_another_version_is_not_kept_by_a_dead_node(world: World) -> None:
    await talk(world)
    become_unreadable(world)
    world.delete()
    await world.settle()
    world.clock.pass_(60)

    await world.settle()

    assert world.is_empty


async def test_a_session_of_another_version_that_others_hold_is_released_once(world: World) -> None:
    await talk(world)
    become_unreadable(world)
    world.sessions.change(*names(), lambda stored: stored["metadata"]["finalizers"].append("other"))
    world.delete()
    await world.settle()
    world.end_container()

    await world.settle()
    await world.settle()

    assert (world.sessions.get(*names()) or {})["metadata"]["finalizers"] == ["other"]


async def test_a_session_of_another_version_may_be_gone_by_the_time_it_is_released(world: World) -> None:
    world.store(podRetention="Sometimes")

    class Vanishing:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.cluster, name)

        async def session(self, key: Key) -> Json | None:
            seen = await world.cluster.session(key)
            world.delete()
            return seen

    assert await reconcile(KEY, replace(world.deps(), cluster=Vanishing())) is None


async def test_a_session_deleted_before_its_first_pass_leaves_nothing(world: World) -> None:
    world.apply()
    world.delete()

    await world.settle()

    assert world.is_empty


async def test_a_pod_that_only_bears_the_label_of_a_session_that_is_gone_is_not_released(world: World) -> None:
    await talk(world)
    uid = world.stored_pod["metadata"]["labels"][SESSION_UID_LABEL]
    labels = {SESSION_LABEL: "gone", SESSION_UID_LABEL: uid}
    world.cluster.pods.change(*place(world), lambda pod: pod["metadata"]["labels"].update(labels))

    assert await reconcile(Key(KEY.namespace, "gone"), world.deps()) is None

    assert world.stored_pod["metadata"]["finalizers"] == [REPORT_FINALIZER]


class Answering:
    """A cluster that answers a list with pods that it was not asked for."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.cluster, name)

    async def pods_labelled(self, key: Key) -> list[Json]:
        return [self._world.stored_pod]


@pytest.mark.parametrize("key", [Key("bots", "gone"), Key("other", KEY.name)], ids=str)
async def test_pods_of_live_sessions_are_not_released_for_a_session_that_is_gone(world: World, key: Key) -> None:
    await talk(world)

    assert await reconcile(key, replace(world.deps(), cluster=Answering(world))) is None

    assert world.stored_pod["metadata"]["finalizers"] == [REPORT_FINALIZER]


def place(world: World) -> tuple[str, str]:
    return KEY.namespace, world.pod_name
