"""What every implementation of the Cluster port must do. Held by the fake, the local backend and a real API server."""

import uuid
from dataclasses import replace

import pytest

from botsession_contract.json_codec import decode, encode
from botsession_operator.api.fitting import fit_status
from botsession_operator.api.reasons import EventReason
from botsession_operator.api.spec import Expose, Json
from botsession_operator.api.status import Status
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.manifests.disruption_budget import build_budget
from botsession_operator.core.manifests.service_and_route import build_service
from botsession_operator.core.observe.observed import Key, Pod, PodState, Session
from botsession_operator.core.observe.parse import parse_pod
from botsession_operator.core.status.k8s_events import KubernetesEvent, Severity
from botsession_operator.errors import BudgetRefused, Conflict, ExposureRefused, PodRefused, StatusRefused
from tests.contract_objects import (
    ANOTHER,
    FINISH,
    FINISHED,
    HOLD,
    POISONOUS,
    Backend,
    eventually,
    manifest,
    read,
    read_pod,
    release,
    session_manifest,
    set_finalizers,
)


class ClusterContract:
    """The tests; a subclass's module has the fixture `backend`."""

    @pytest.fixture
    async def session(self, backend: Backend) -> Session:
        """Return a session that is finished, so that nobody else writes it."""
        key = await backend.create_session(session_manifest())

        async def is_written() -> bool:
            try:
                version = (await read(backend, key)).resource_version
                await backend.cluster.write_status(key, version, encode(FINISHED))
            except Conflict:
                return False
            return True

        await eventually(is_written)
        return await read(backend, key)

    @pytest.fixture
    async def pod(self, backend: Backend, session: Session) -> Pod:
        await backend.cluster.create_pod(manifest(session))
        return await read_pod(backend, session)

    async def test_what_is_missing_is_none(self, backend: Backend, session: Session) -> None:
        nobody = Key(session.key.namespace, "nobody")

        assert await backend.cluster.session(nobody) is None
        assert await backend.cluster.pod(nobody.namespace, nobody.name) is None

    async def test_a_status_is_read_as_it_was_written(self, session: Session) -> None:
        assert session.status == FINISHED

    async def test_a_status_is_replaced_not_merged(self, backend: Backend, session: Session) -> None:
        less = replace(FINISHED, pod_name=None, finish=replace(FINISH, message=None))
        assert await backend.cluster.write_status(session.key, session.resource_version, encode(less))

        assert (await read(backend, session.key)).status == less

    async def test_a_status_from_a_stale_read_is_refused(self, backend: Backend, session: Session) -> None:
        newer = encode(replace(FINISHED, pod_name="newer"))
        await backend.cluster.write_status(session.key, session.resource_version, newer)

        with pytest.raises(Conflict):
            await backend.cluster.write_status(session.key, session.resource_version, encode(FINISHED))

        status = (await read(backend, session.key)).status
        assert status
        assert status.pod_name == "newer"

    @pytest.mark.parametrize("status", POISONOUS.values(), ids=POISONOUS)
    async def test_a_status_that_the_crd_does_not_allow_is_refused_for_good(
        self, backend: Backend, session: Session, status: Json
    ) -> None:
        with pytest.raises(StatusRefused):
            await backend.cluster.write_status(session.key, session.resource_version, encode(FINISHED) | status)

        assert (await read(backend, session.key)).status == FINISHED

    async def test_a_status_that_is_brought_to_the_bounds_of_the_crd_is_taken(
        self, backend: Backend, session: Session
    ) -> None:
        extreme = encode(FINISHED) | {key: value for each in POISONOUS.values() for key, value in each.items()}
        fit = fit_status(extreme)

        assert await backend.cluster.write_status(session.key, session.resource_version, fit)
        assert (await read(backend, session.key)).status == decode(Status, fit)

    async def test_a_status_of_a_session_that_is_gone_is_nobodys(self, backend: Backend, session: Session) -> None:
        written = await backend.cluster.write_status(_gone(session).key, session.resource_version, encode(FINISHED))

        assert written is False

    async def test_a_session_with_a_finalizer_outlives_its_deletion(self, backend: Backend, session: Session) -> None:
        await backend.cluster.set_session_finalizers(session, (HOLD,))
        await backend.delete_session(session.key)
        held = await read(backend, session.key)
        assert held.is_deleting

        await backend.cluster.set_session_finalizers(held, ())

        assert await backend.cluster.session(session.key) is None

    async def test_the_version_after_holding_is_good_for_the_status(self, backend: Backend, session: Session) -> None:
        version = await backend.cluster.set_session_finalizers(session, (HOLD,))
        assert version

        await backend.cluster.write_status(session.key, version, encode(FINISHED))

        await backend.cluster.set_session_finalizers(await read(backend, session.key), ())

    async def test_finalizers_from_a_stale_read_are_refused(self, backend: Backend, session: Session) -> None:
        newer = encode(replace(FINISHED, pod_name="newer"))
        await backend.cluster.write_status(session.key, session.resource_version, newer)

        with pytest.raises(Conflict):
            await backend.cluster.set_session_finalizers(session, (HOLD,))

    async def test_finalizers_of_a_session_that_is_gone_are_nobodys(self, backend: Backend, session: Session) -> None:
        assert await backend.cluster.set_session_finalizers(_gone(session), ()) is None

    async def test_a_session_without_finalizers_goes_when_it_is_deleted(
        self, backend: Backend, session: Session
    ) -> None:
        await backend.cluster.set_session_finalizers(session, ())

        await backend.cluster.delete_session(await read(backend, session.key))

        assert await backend.cluster.session(session.key) is None

    async def test_a_session_with_a_finalizer_is_only_marked_as_deleted(
        self, backend: Backend, session: Session
    ) -> None:
        await backend.cluster.set_session_finalizers(session, (HOLD,))

        await backend.cluster.delete_session(await read(backend, session.key))

        held = await read(backend, session.key)
        assert held.is_deleting
        await backend.cluster.set_session_finalizers(held, ())

    async def test_a_deletion_is_a_generation(self, backend: Backend, session: Session) -> None:
        await backend.cluster.set_session_finalizers(session, (HOLD,))
        for _ in range(2):
            await backend.delete_session(session.key)

        held = await read(backend, session.key)
        assert held.generation == session.generation + 1
        await backend.cluster.set_session_finalizers(held, ())

    async def test_a_session_that_has_changed_is_not_deleted(self, backend: Backend, session: Session) -> None:
        newer = encode(replace(FINISHED, pod_name="newer"))
        await backend.cluster.write_status(session.key, session.resource_version, newer)

        with pytest.raises(Conflict):
            await backend.cluster.delete_session(session)

        assert not (await read(backend, session.key)).is_deleting

    async def test_only_this_very_session_is_deleted(self, backend: Backend, session: Session) -> None:
        with pytest.raises(Conflict):
            await backend.cluster.delete_session(replace(session, uid=str(uuid.uuid4())))

    async def test_deleting_a_session_that_is_gone_is_no_trouble(self, backend: Backend, session: Session) -> None:
        await backend.cluster.delete_session(_gone(session))

    async def test_a_pod_is_made_once(self, backend: Backend, session: Session, pod: Pod) -> None:
        await backend.cluster.create_pod(manifest(session))

        assert (await read_pod(backend, session)).uid == pod.uid

    async def test_pods_are_found_by_their_sessions_name(self, backend: Backend, pod: Pod) -> None:
        labelled = await backend.cluster.pods_labelled(Key(pod.namespace, "nobody"))

        assert [parse_pod(raw).uid for raw in labelled] == [pod.uid]
        assert await backend.cluster.pods_labelled(Key(pod.namespace, "somebody")) == []

    async def test_a_pod_is_held_by_its_finalizer(self, backend: Backend, session: Session, pod: Pod) -> None:
        await backend.cluster.delete_pod(pod, PodDeletion.SHORT)

        await eventually(lambda: _is_over(backend, session))
        await release(backend, session)

        assert await backend.cluster.pod(pod.namespace, pod.name) is None

    async def test_a_released_pod_goes_when_it_is_over(self, backend: Backend, session: Session, pod: Pod) -> None:
        await backend.cluster.delete_pod(pod, PodDeletion.SHORT)
        await release(backend, session)

        await eventually(lambda: _is_gone(backend, pod))

    async def test_a_pod_that_is_taken_away_counts_as_over(self, backend: Backend, session: Session, pod: Pod) -> None:
        await backend.cluster.delete_pod(pod, PodDeletion.FORCED)

        assert await _is_over(backend, session)

    async def test_a_deletion_is_not_put_off_by_another(self, backend: Backend, session: Session, pod: Pod) -> None:
        await backend.cluster.delete_pod(pod, PodDeletion.SHORT)
        first = (await read_pod(backend, session)).deletion_requested_by
        await backend.cluster.delete_pod(pod, PodDeletion.NORMAL)

        second = (await read_pod(backend, session)).deletion_requested_by
        assert first
        assert second
        assert second <= first

    async def test_only_this_very_pod_is_deleted(self, backend: Backend, session: Session, pod: Pod) -> None:
        await backend.cluster.delete_pod(replace(pod, uid=str(uuid.uuid4())), PodDeletion.FORCED)

        assert not (await read_pod(backend, session)).is_deleting

    async def test_deleting_a_pod_that_is_gone_is_no_trouble(self, backend: Backend, pod: Pod) -> None:
        await backend.cluster.delete_pod(replace(pod, name="nobody"), PodDeletion.NORMAL)

    async def test_a_pod_whose_sidecars_are_ended_is_not_deleted(
        self, backend: Backend, session: Session, pod: Pod
    ) -> None:
        await backend.cluster.end_sidecars(pod)

        assert not (await read_pod(backend, session)).is_deleting

    async def test_ending_the_sidecars_of_a_pod_that_is_gone_is_no_trouble(self, backend: Backend, pod: Pod) -> None:
        await backend.cluster.end_sidecars(replace(pod, name="nobody"))

    async def test_a_pods_finalizers_from_a_stale_read_are_refused(
        self, backend: Backend, session: Session, pod: Pod
    ) -> None:
        # An operator on the same cluster may have left HOLD alone there before the pod was read: that changes nothing.
        await eventually(lambda: set_finalizers(backend, session, (HOLD, ANOTHER)))

        with pytest.raises(Conflict):
            await backend.cluster.set_pod_finalizers(pod, ())

    async def test_finalizers_of_a_pod_that_is_gone_are_nobodys(self, backend: Backend, pod: Pod) -> None:
        await backend.cluster.set_pod_finalizers(replace(pod, name="nobody"), ())

    async def test_a_budget_is_read_as_it_was_made(self, backend: Backend, session: Session) -> None:
        made = build_budget(session)
        await backend.cluster.create_budget(made)

        read = await backend.cluster.budget(*_place(made))

        assert read
        assert read["spec"] == made["spec"]
        await backend.cluster.delete_budget(made)

    async def test_a_budget_is_made_once(self, backend: Backend, session: Session) -> None:
        made = build_budget(session)
        for _ in range(2):
            await backend.cluster.create_budget(made)

        await backend.cluster.delete_budget(made)

        assert await backend.cluster.budget(*_place(made)) is None

    async def test_deleting_a_budget_that_is_gone_is_no_trouble(self, backend: Backend, session: Session) -> None:
        await backend.cluster.delete_budget(build_budget(session))

    async def test_a_budget_of_another_owner_is_left_alone(self, backend: Backend, session: Session) -> None:
        others = build_budget(session)
        await backend.cluster.create_budget(others)
        ours = build_budget(_another(session))
        ours["metadata"] |= _names(others)

        with pytest.raises(BudgetRefused, match="does not belong to this session") as refused:
            await backend.cluster.create_budget(ours)
        assert refused.value.reason == "NameTaken"
        await backend.cluster.delete_budget(ours)

        assert await backend.cluster.budget(*_place(others))
        await backend.cluster.delete_budget(others)

    async def test_a_service_of_another_owner_is_left_alone(self, backend: Backend, session: Session) -> None:
        others = build_service(session, Expose(7860))
        await backend.cluster.create_object(others)
        ours = build_service(_another(session), Expose(7860))
        ours["metadata"] |= _names(others)

        with pytest.raises(ExposureRefused, match="does not belong to this session"):
            await backend.cluster.create_object(ours)
        assert not await backend.cluster.has_object(ours)
        await backend.cluster.delete_object(ours)

        assert await backend.cluster.has_object(others)
        await backend.cluster.delete_object(others)

    async def test_what_an_orphaning_deletion_took_the_owner_from_is_still_the_sessions(
        self, backend: Backend, session: Session
    ) -> None:
        orphan = build_budget(session)
        del orphan["metadata"]["ownerReferences"]
        await backend.cluster.create_budget(orphan)

        await backend.cluster.create_budget(build_budget(session))
        await backend.cluster.delete_budget(build_budget(session))

        assert await backend.cluster.budget(*_place(orphan)) is None

    async def test_a_pod_of_another_owner_takes_the_name(self, backend: Backend, session: Session, pod: Pod) -> None:
        own = manifest(_another(session))
        own["metadata"] |= _names(manifest(session))

        with pytest.raises(PodRefused, match="does not belong to this session") as refused:
            await backend.cluster.create_pod(own)

        assert refused.value.reason == "NameTaken"
        assert (await read_pod(backend, session)).uid == pod.uid

    async def test_an_event_of_a_session_that_is_gone_is_no_trouble(self, backend: Backend, session: Session) -> None:
        await backend.cluster.record_event(
            _gone(session), KubernetesEvent(Severity.NORMAL, EventReason.STARTED, "the pipeline has started")
        )

    async def test_a_service_is_there_from_its_creation_to_its_deletion(
        self, backend: Backend, session: Session
    ) -> None:
        service = build_service(session, Expose(7860))
        assert not await backend.cluster.has_object(service)

        await backend.cluster.create_object(service)
        assert await backend.cluster.has_object(service)

        await backend.cluster.delete_object(service)
        assert not await backend.cluster.has_object(service)

    async def test_a_service_is_made_and_deleted_once_however_often_it_is_tried(
        self, backend: Backend, session: Session
    ) -> None:
        service = build_service(session, Expose(7860))
        await backend.cluster.create_object(service)
        await backend.cluster.create_object(service)
        await backend.cluster.delete_object(service)
        await backend.cluster.delete_object(service)

        assert not await backend.cluster.has_object(service)

    async def test_a_route_is_another_object_than_the_service_of_its_name(
        self, backend: Backend, session: Session
    ) -> None:
        route = {
            **build_service(session, Expose(7860)),
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "spec": {"defaultBackend": {"service": {"name": "somebody", "port": {"number": 80}}}},
        }
        await backend.cluster.create_object(route)

        assert await backend.cluster.has_object(route)
        assert not await backend.cluster.has_object(build_service(session, Expose(7860)))
        await backend.cluster.delete_object(route)
        assert not await backend.cluster.has_object(route)


def _place(made: Json) -> tuple[str, str]:
    return made["metadata"]["namespace"], made["metadata"]["name"]


def _names(made: Json) -> Json:
    return {"name": made["metadata"]["name"]}


def _another(session: Session) -> Session:
    """Return another session of the same name, as one is after the first was deleted and created again."""
    return replace(session, uid=str(uuid.uuid4()))


def _gone(session: Session) -> Session:
    return replace(session, key=Key(session.key.namespace, "nobody"))


async def _is_gone(backend: Backend, pod: Pod) -> bool:
    return await backend.cluster.pod(pod.namespace, pod.name) is None


async def _is_over(backend: Backend, session: Session) -> bool:
    return (await read_pod(backend, session)).state is PodState.TERMINATED
