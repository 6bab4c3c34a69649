"""The Cluster port on this machine: a session's "pod" is a supervisor process.

Manifest, planner, ladder and status are the same as in a cluster. Authors of bots use it through `botsession run`.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from loguru import logger as log

from botsession_contract.json_codec import format_time
from botsession_contract.names import BOT_CONTAINER, SESSION_LABEL
from botsession_operator.api.fitting import fit_status
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.spec import Json
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.observe import ownership
from botsession_operator.core.observe.observed import Key, Pod, Session, SessionMetadata
from botsession_operator.core.status.k8s_events import KubernetesEvent
from botsession_operator.errors import BudgetRefused, ExposureRefused, PodRefused, StatusRefused
from botsession_operator.local.object_store import InMemoryObjectStore, check_owner, create_owned, delete_owned
from botsession_operator.local.supervisor_process import RunFiles, Supervisor, start_supervisor

SHORT_GRACE: Final = timedelta(seconds=5)


@dataclass(slots=True)
class LocalCluster:
    """Sessions and pods of one `botsession run`."""

    files: RunFiles
    #: Called when a session or its pod has changed: marks the key dirty, as a watch does.
    on_change: Callable[[Key], None]
    on_event: Callable[[KubernetesEvent], None] = lambda _: None
    sessions: InMemoryObjectStore = field(init=False)
    pods: InMemoryObjectStore = field(init=False)
    #: Stored without any effect: nothing on this machine evicts a process.
    budgets: InMemoryObjectStore = field(init=False)
    #: Services, by kind, namespace and name. Stored without any effect: callers on this machine need none.
    objects: dict[tuple[str, str, str], Json] = field(init=False, default_factory=dict)
    _supervisors: dict[str, Supervisor] = field(init=False, default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.sessions = InMemoryObjectStore(lambda stored: self.on_change(_key(stored)))
        self.pods = InMemoryObjectStore(lambda stored: self.on_change(_session_key(stored)))
        self.budgets = InMemoryObjectStore(lambda _: None)

    async def session(self, key: Key) -> Json | None:
        """Return a BotSession; None when there is none."""
        return self.sessions.get(key.namespace, key.name)

    async def pod(self, namespace: str, name: str) -> Json | None:
        """Return a pod; None when there is none."""
        return self.pods.get(namespace, name)

    async def pods_labelled(self, key: Key) -> list[Json]:
        """Return all pods with the session's label: its own, and those of earlier sessions of its name."""
        pods = (self.pods.get(*full_name) for full_name in self.pods.names())
        return [pod for pod in pods if pod and _session_key(pod) == key]

    async def set_session_finalizers(self, session: SessionMetadata, finalizers: tuple[str, ...]) -> str | None:
        """Replace the finalizers; return the new resourceVersion, or None when the session is gone.

        Raise Conflict when it has changed.
        """
        key = session.key
        version = self.sessions.change(key.namespace, key.name, _finalizers(finalizers), session.resource_version)
        self.sessions.collect(key.namespace, key.name)
        return version

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        """Replace the status; return False when the session is gone.

        Raise Conflict when it has changed since that version, StatusRefused when the status is refused.
        """
        if fit_status(status) != status:
            raise StatusRefused("the status does not fit the CRD")

        def write(stored: Json) -> None:
            stored["status"] = status

        self.sessions.change(key.namespace, key.name, write, resource_version)
        return self.sessions.get(key.namespace, key.name) is not None

    async def delete_session(self, session: Session) -> None:
        """Delete the session as it was read; a missing one is success. Raise Conflict when it has changed."""
        full_name = (session.key.namespace, session.key.name)
        self.sessions.delete(*full_name, timedelta(0), uid=session.uid, version=session.resource_version)
        self.sessions.collect(*full_name)

    async def create_pod(self, manifest: Json) -> None:
        """Start a supervisor; success if the session has one already. Raise PodRefused when it cannot be started."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        if found := self.pods.get(namespace, name):
            check_owner(found, manifest, PodRefused)
            return
        try:
            supervisor = await start_supervisor(manifest, self.files)
        except OSError as exc:
            raise PodRefused(ConditionReason.START_FAILED, str(exc)) from exc
        self.pods.create(_running(manifest))
        self._supervisors[name] = supervisor
        self._keep_task(asyncio.create_task(self._until_exit(namespace, name, supervisor)))

    async def delete_pod(self, pod: Pod, how: PodDeletion) -> Json | None:
        """Delete the pod with this UID; a missing one is success. Return the pod as it is then, if it still exists."""
        stored = self.pods.get(pod.namespace, pod.name)
        if stored is None or stored["metadata"]["uid"] != pod.uid:
            return None
        grace = _grace(stored, how)
        self.pods.delete(pod.namespace, pod.name, grace)
        supervisor = self._supervisors.get(pod.name)
        if supervisor:
            supervisor.stop(grace)
        if supervisor is None or how is PodDeletion.FORCED:
            self.pods.collect(pod.namespace, pod.name)
        return self.pods.get(pod.namespace, pod.name)

    async def end_sidecars(self, pod: Pod) -> None:
        """Do nothing: a pod here has no containers besides its bot."""

    async def set_pod_finalizers(self, pod: Pod, finalizers: tuple[str, ...]) -> None:
        """Replace the finalizers; a missing pod is success. Raise Conflict when the pod has changed."""
        self.pods.change(pod.namespace, pod.name, _finalizers(finalizers), pod.resource_version)
        if pod.name not in self._supervisors:
            self.pods.collect(pod.namespace, pod.name)

    async def budget(self, namespace: str, name: str) -> Json | None:
        """Return a PodDisruptionBudget; None when there is none."""
        return self.budgets.get(namespace, name)

    async def create_budget(self, manifest: Json) -> None:
        """Store a PodDisruptionBudget, which has no effect here; success if the session has it already."""
        create_owned(self.budgets, manifest, BudgetRefused)

    async def delete_budget(self, manifest: Json) -> None:
        """Delete the PodDisruptionBudget of a manifest, unless it is missing or has another owner."""
        delete_owned(self.budgets, manifest)

    async def has_object(self, manifest: Json) -> bool:
        """Return whether the object of this kind, name and owner exists: a Service, or a route."""
        found = self.objects.get(_object_key(manifest))
        return found is not None and ownership.is_owned_alike(found, manifest)

    async def create_object(self, manifest: Json) -> None:
        """Store a Service or a route, which has no effect here; success if the session has it already."""
        check_owner(self.objects.setdefault(_object_key(manifest), manifest), manifest, ExposureRefused)

    async def delete_object(self, manifest: Json) -> None:
        """Delete the Service or the route of a manifest, unless it is missing or has another owner."""
        if await self.has_object(manifest):
            del self.objects[_object_key(manifest)]

    async def record_event(self, session: SessionMetadata, event: KubernetesEvent) -> None:
        """Call `on_event` with the Event."""
        log.debug("event", session=str(session.key), reason=event.reason)
        self.on_event(event)

    def control_port(self, pod: Pod) -> int:
        """Return the port of a pod's supervisor, since all share one address; 0 for a pod that is gone."""
        supervisor = self._supervisors.get(pod.name)
        return supervisor.port if supervisor else 0

    def apply(self, manifest: Json) -> Key:
        """Store an admitted BotSession, as `kubectl apply` does."""
        self.sessions.create(manifest)
        return _key(manifest)

    def delete(self, key: Key) -> None:
        """Delete a BotSession, as `kubectl delete` does. Its finalizer keeps it until its graceful end."""
        self.sessions.delete(key.namespace, key.name, timedelta(0))
        self.sessions.collect(key.namespace, key.name)

    async def close(self) -> None:
        """Stop all supervisors, and wait for them."""
        for supervisor in self._supervisors.values():
            supervisor.stop(SHORT_GRACE)
        await asyncio.gather(*self._tasks)

    def _keep_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_exit(self, namespace: str, name: str, supervisor: Supervisor) -> None:
        exit_code = await supervisor.wait()
        del self._supervisors[name]

        def terminate(stored: Json) -> None:
            _set_container(stored, _terminated(stored, exit_code, supervisor.report()))

        self.pods.change(namespace, name, terminate)
        self.pods.collect(namespace, name)


def _running(manifest: Json) -> Json:
    """Return the pod as it is in a cluster when its container has just started."""
    now = format_time(datetime.now(UTC))
    pod = {**manifest, "spec": {**manifest["spec"], "nodeName": os.uname().nodename}}
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now}
    pod["status"] = {"phase": "Running", "podIP": "127.0.0.1", "conditions": [scheduled]}
    _set_container(pod, {"running": {"startedAt": now}})
    return pod


def _set_container(pod: Json, state: Json) -> None:
    pod["status"]["containerStatuses"] = [{"name": BOT_CONTAINER, "state": state}]
    if "terminated" in state:
        pod["status"]["phase"] = "Failed" if state["terminated"]["exitCode"] else "Succeeded"


def _terminated(pod: Json, exit_code: int, report: str) -> Json:
    (container,) = pod["status"]["containerStatuses"]
    return {
        "terminated": {
            "exitCode": exit_code,
            "reason": "Error" if exit_code else "Completed",
            "startedAt": container["state"]["running"]["startedAt"],
            "finishedAt": format_time(datetime.now(UTC)),
            "message": report,
        }
    }


def _grace(pod: Json, how: PodDeletion) -> timedelta:
    if how is PodDeletion.FORCED:
        return timedelta(0)
    return SHORT_GRACE if how is PodDeletion.SHORT else timedelta(seconds=pod["spec"]["terminationGracePeriodSeconds"])


def _finalizers(finalizers: tuple[str, ...]) -> Callable[[Json], None]:
    def write(stored: Json) -> None:
        stored["metadata"]["finalizers"] = list(finalizers)

    return write


def _object_key(manifest: Json) -> tuple[str, str, str]:
    return (manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _key(session: Json) -> Key:
    return Key(session["metadata"]["namespace"], session["metadata"]["name"])


def _session_key(pod: Json) -> Key:
    return Key(pod["metadata"]["namespace"], pod["metadata"]["labels"][SESSION_LABEL])
