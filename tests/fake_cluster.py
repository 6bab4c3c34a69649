"""The Cluster port to a cluster in memory."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from botsession_contract.json_codec import decode
from botsession_contract.lifecycle import Phase
from botsession_contract.names import SESSION_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.api.status import Status
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.names import ENDED_SECONDS
from botsession_operator.core.observe import ownership
from botsession_operator.core.observe.observed import Key, Pod, Session, SessionMetadata
from botsession_operator.core.status.k8s_events import KubernetesEvent
from botsession_operator.errors import BudgetRefused, ExposureRefused, PodRefused, StatusRefused
from botsession_operator.local.object_store import InMemoryObjectStore, check_owner, create_owned, delete_owned
from tests.builders import NOW
from tests.crd import status_problems

FINISHED: Final = (Phase.SUCCEEDED, Phase.FAILED)


class FakeClock:
    """A clock that stands until the test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def pass_(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def reach(self, moment: datetime) -> None:
        self._now = max(self._now, moment)


class FakeCluster:
    """The Cluster port over two dictionaries."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.sessions = InMemoryObjectStore(self._changed, now)
        self.pods = InMemoryObjectStore(self._changed, now)
        #: No watch brings news of these.
        self.budgets = InMemoryObjectStore(lambda _: None, now)
        #: Whether a watch has brought an event that no pass has answered.
        self.is_dirty = False
        self.created: list[str] = []
        self.written: list[Status] = []
        self.recorded_events: list[KubernetesEvent] = []
        #: What the API server says of every status, whatever is in it; empty: what the CRD says of it.
        self.status_refusal = ""
        self.refused_statuses: list[Json] = []
        self.refusal: PodRefused | None = None
        #: How often a pod was refused.
        self.refused = 0
        self.budget_refusal: BudgetRefused | None = None
        #: Each call that concerned a budget, in order.
        self.budget_calls: list[str] = []
        #: Services and routes, by kind, namespace and name, and each call that concerned one.
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.object_calls: list[str] = []
        self.exposure_refusal: ExposureRefused | None = None

    async def session(self, key: Key) -> Json | None:
        return self.sessions.get(key.namespace, key.name)

    async def pod(self, namespace: str, name: str) -> Json | None:
        return self.pods.get(namespace, name)

    async def pods_labelled(self, key: Key) -> list[Json]:
        pods = [self.pods.get(*place) or {} for place in self.pods.names()]
        wanted = (key.namespace, key.name)
        return [each for each in pods if _session_place(each["metadata"]) == wanted]

    async def set_session_finalizers(self, session: SessionMetadata, finalizers: tuple[str, ...]) -> str | None:
        place = (session.key.namespace, session.key.name)
        version = self.sessions.change(*place, _finalizers(finalizers), session.resource_version)
        self.sessions.collect(*place)
        return version

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        if self.status_refusal or (problems := status_problems(status)):
            self.refused_statuses.append(status)
            raise StatusRefused(self.status_refusal or "; ".join(problems))
        change = _member("status", status)
        self.sessions.change(key.namespace, key.name, change, resource_version)
        if self.sessions.get(key.namespace, key.name) is None:
            return False
        self.written.append(decode(Status, status))
        return True

    async def delete_session(self, session: Session) -> None:
        place = (session.key.namespace, session.key.name)
        self.sessions.delete(*place, timedelta(0), uid=session.uid, version=session.resource_version)
        self.sessions.collect(*place)

    async def create_pod(self, manifest: Json) -> None:
        if self.refusal:
            self.refused += 1
            raise self.refusal
        if self.pods.create(manifest):
            self.created.append(manifest["metadata"]["name"])
            self.pods.change(*_place(manifest), _member("status", {"phase": "Pending"}))
        check_owner(self.pods.get(*_place(manifest)) or manifest, manifest, PodRefused)

    async def delete_pod(self, pod: Pod, how: PodDeletion) -> Json | None:
        stored = self.pods.get(pod.namespace, pod.name)
        if stored is None or stored["metadata"]["uid"] != pod.uid:
            return None
        self.delete_stored(stored, how)
        return self.pods.get(pod.namespace, pod.name)

    def delete_stored(self, stored: Json, how: PodDeletion = PodDeletion.NORMAL) -> None:
        """Delete a pod as anybody may: without grace where no kubelet has it, or none has anything to do."""
        is_over = stored["status"]["phase"] in ("Succeeded", "Failed") or "nodeName" not in stored["spec"]
        usual = 0 if is_over else stored["spec"].get("terminationGracePeriodSeconds", 30)
        lower = {PodDeletion.OVER: 30, PodDeletion.SHORT: 5, PodDeletion.FORCED: 0}
        grace = min(usual, lower.get(how, usual))
        self.pods.delete(*_place(stored), timedelta(seconds=grace))
        if grace == 0:
            self.pods.collect(*_place(stored))

    async def end_sidecars(self, pod: Pod) -> None:
        def lower(stored: Json) -> None:
            stored["spec"]["activeDeadlineSeconds"] = ENDED_SECONDS

        self.pods.change(pod.namespace, pod.name, lower)

    async def set_pod_finalizers(self, pod: Pod, finalizers: tuple[str, ...]) -> None:
        self.pods.change(pod.namespace, pod.name, _finalizers(finalizers), pod.resource_version)
        stored = self.pods.get(pod.namespace, pod.name)
        if stored and stored["metadata"].get("deletionGracePeriodSeconds") == 0:
            self.pods.collect(pod.namespace, pod.name)

    async def budget(self, namespace: str, name: str) -> Json | None:
        self.budget_calls.append("get")
        return self.budgets.get(namespace, name)

    async def has_object(self, manifest: Json) -> bool:
        self.object_calls.append(f"get {manifest['kind']}")
        found = self.objects.get(_named(manifest))
        return found is not None and ownership.is_owned_alike(found, manifest)

    async def create_object(self, manifest: Json) -> None:
        self.object_calls.append(f"create {manifest['kind']}")
        if self.exposure_refusal:
            raise self.exposure_refusal
        check_owner(self.objects.setdefault(_named(manifest), manifest), manifest, ExposureRefused)

    async def delete_object(self, manifest: Json) -> None:
        self.object_calls.append(f"delete {manifest['kind']}")
        found = self.objects.get(_named(manifest))
        if found and ownership.is_owned_alike(found, manifest):
            del self.objects[_named(manifest)]

    async def create_budget(self, manifest: Json) -> None:
        self.budget_calls.append("create")
        if self.budget_refusal:
            raise self.budget_refusal
        create_owned(self.budgets, manifest, BudgetRefused)

    async def delete_budget(self, manifest: Json) -> None:
        self.budget_calls.append("delete")
        delete_owned(self.budgets, manifest)

    async def record_event(self, session: SessionMetadata, event: KubernetesEvent) -> None:
        assert 0 < len(event.note.encode()) <= 1024, "the API server refuses the note of an Event"
        assert 0 < len(event.reason) <= 128, "the API server refuses the reason of an Event"
        self.recorded_events.append(event)

    def touch(self) -> None:
        """Have the session looked at again."""
        self.is_dirty = True

    def _changed(self, _: Json) -> None:
        self.is_dirty = True

    @property
    def finishes(self) -> list[Status]:
        """Each finish that was recorded; what is written to it later is only what became of its events."""
        written = (replace(status, webhook=None) for status in self.written if status.phase in FINISHED)
        return [status for status, _ in itertools.groupby(written)]


def _session_place(metadata: Json) -> tuple[str, str | None]:
    return metadata["namespace"], metadata.get("labels", {}).get(SESSION_LABEL)


def _place(manifest: Json) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _named(manifest: Json) -> tuple[str, str, str]:
    return manifest["kind"], *_place(manifest)


def _finalizers(finalizers: tuple[str, ...]) -> Callable[[Json], None]:
    def write(stored: Json) -> None:
        stored["metadata"]["finalizers"] = list(finalizers)

    return write


def _member(name: str, value: Any) -> Callable[[Json], None]:
    def write(stored: Json) -> None:
        stored[name] = value

    return write
