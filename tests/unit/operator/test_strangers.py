"""A pod, a budget or a Service that has the name of a session's, and another owner, is left alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Outcome, Phase, Reason
from botsession_contract.names import REPORT_FINALIZER
from botsession_operator.api.spec import Json
from botsession_operator.api.status import ConditionStatus, ConditionType, find_condition
from botsession_operator.core.decide.plan import Plan, PodDeletion
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe.observed import SessionMetadata
from botsession_operator.core.observe.parse import parse_pod
from botsession_operator.core.session_key import SessionIdentity
from botsession_operator.errors import Conflict, NotOurs
from botsession_operator.reconcile.finalizers import delete_and_release_pod, remove_pod_finalizer
from botsession_operator.reconcile.reconciler import reconcile
from tests.builders import KEY
from tests.fake_cluster import FakeCluster
from tests.fakes import World
from tests.unit.operator.lives import names, talk


def stranger(world: World) -> Json:
    """Create a pod that has the name of the session's pod, and that a ReplicaSet controls."""
    uid = (world.sessions.get(*names()) or {})["metadata"]["uid"]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "w", "controller": True}
    metadata = {
        "namespace": KEY.namespace,
        "name": pod_name(KEY.name, uid),
        "ownerReferences": [owner],
        "finalizers": [REPORT_FINALIZER],
    }
    pod: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": {"phase": "Running"}}
    world.cluster.pods.create(pod)
    return world.stored_pod


async def test_a_session_whose_pods_name_is_taken_says_so(world: World) -> None:
    world.apply()
    stranger(world)

    await world.settle()

    condition = find_condition(world.status, ConditionType.POD_CREATED, ConditionStatus.FALSE)
    assert condition
    assert condition.reason == "NameTaken"
    assert condition.message.startswith(f"a Pod named {world.pod_name} exists and does not belong to this session")


async def test_a_pod_of_another_owner_is_neither_adopted_nor_deleted_nor_released(world: World) -> None:
    world.apply()
    before = stranger(world)
    await world.settle()
    assert not world.control.supervisors

    world.clock.pass_(3600)
    await world.settle()
    assert world.status.finish
    assert (world.status.finish.reason, world.status.finish.outcome) == (Reason.POD_REJECTED, Outcome.NEVER_STARTED)
    world.delete()
    await world.settle()

    assert world.stored_pod == before
    assert not world.sessions.names()


async def test_a_pod_whose_labels_were_taken_off_is_no_longer_the_sessions(world: World) -> None:
    await talk(world)
    world.cluster.pods.change(KEY.namespace, world.pod_name, lambda pod: pod["metadata"].update(labels={}))

    await world.settle()

    assert world.status.phase is Phase.FAILED
    assert "deletionTimestamp" not in world.stored_pod["metadata"]


async def test_a_call_whose_session_is_deleted_and_orphans_its_pod_ends_as_ever(world: World) -> None:
    await talk(world)
    world.cluster.pods.change(KEY.namespace, world.pod_name, lambda pod: pod["metadata"].update(ownerReferences=[]))
    world.delete()
    await world.settle()

    world.end_as_asked()
    await world.settle()

    (last,) = world.cluster.finishes
    assert last.finish
    assert last.finish.outcome is Outcome.DRAINED
    assert world.is_empty


async def test_only_its_own_session_deletes_and_releases_a_pod(world: World) -> None:
    await talk(world)
    pod = parse_pod(world.stored_pod)
    assert pod.owner
    other, deps = SessionIdentity(pod.owner.key, "another"), world.deps()

    with pytest.raises(NotOurs):
        await delete_and_release_pod(Plan(delete_pod=PodDeletion.FORCED), pod, other, deps)
    with pytest.raises(NotOurs):
        await remove_pod_finalizer(pod, other, deps)

    assert world.stored_pod["metadata"]["finalizers"] == [REPORT_FINALIZER]


class TakenMeanwhile(FakeCluster):
    """A cluster in which somebody makes a pod of the name between the look and the creation."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock.now)
        self.sessions, self.pods = world.cluster.sessions, world.cluster.pods
        self._world = world

    async def create_pod(self, manifest: Json) -> None:
        stranger(self._world)
        await super().create_pod(manifest)


async def test_a_name_that_is_taken_just_before_the_creation_is_taken(world: World) -> None:
    world.apply()

    await reconcile(KEY, replace(world.deps(), cluster=TakenMeanwhile(world)))

    condition = find_condition(world.status, ConditionType.POD_CREATED, ConditionStatus.FALSE)
    assert condition
    assert condition.reason == "NameTaken"


class Vanishing(FakeCluster):
    """A cluster in which the session is deleted before the operator's finalizer is on it."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock.now)
        self.sessions, self.pods = world.cluster.sessions, world.cluster.pods

    async def set_session_finalizers(self, session: SessionMetadata, finalizers: tuple[str, ...]) -> str | None:
        self.sessions.delete(*names(), timedelta(0))
        self.sessions.collect(*names())
        return await super().set_session_finalizers(session, finalizers)


async def test_no_bot_starts_for_a_session_that_is_deleted_before_it_has_our_finalizer(world: World) -> None:
    world.apply()

    with pytest.raises(Conflict, match="was deleted after it was read"):
        await reconcile(KEY, replace(world.deps(), cluster=Vanishing(world)))

    assert world.is_empty
    assert await reconcile(KEY, world.deps()) is None
