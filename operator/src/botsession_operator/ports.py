"""The ports of the operator, as Protocols: the cluster, the supervisors' control endpoints, and the webhook.

Each has an implementation in `effects/`, and `Cluster` another one in `local/`; the same contract tests run against
both. Passes use `Supervisors`, which the supervisor poller implements on top of `Control`.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_operator.api.spec import Json
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.observe.observed import Key, NoSnapshot, Pod, Reading, Session, SessionMetadata
from botsession_operator.core.observe.webhook_delivery import Reply
from botsession_operator.core.status.k8s_events import KubernetesEvent


class Lease(Protocol):
    """The right to write, which one operator has at a time."""

    def seconds_left(self) -> float:
        """Return how long this operator may still write, without a request; 0 where it may not."""
        ...


class SessionReader(Protocol):
    """Reads sessions and their pods, live from the API server."""

    async def session(self, key: Key) -> Json | None:
        """Return a BotSession; None when there is none."""
        ...

    async def pod(self, namespace: str, name: str) -> Json | None:
        """Return a pod; None when there is none."""
        ...

    async def pods_labelled(self, key: Key) -> list[Json]:
        """Return all pods with the session's label: its own, and those of earlier sessions of its name."""
        ...


class ObjectObserver(Protocol):
    """Gets each session and pod from the API server's answers to reads and writes."""

    def show(self, raw: Json) -> None:
        """Record the present state of a session or a pod; ignore other objects."""
        ...

    def session_uid(self, key: Key) -> str | None:
        """Return the UID of the session that is known under this key."""
        ...

    def session_is_missing(self, key: Key, uid: str | None) -> None:
        """Record that a request did not find a session; `uid` is the one that was known when the request began."""
        ...

    def pod_is_missing(self, namespace: str, name: str) -> None:
        """Record that a live read did not find a pod."""
        ...


class SessionWriter(Protocol):
    """Writes sessions and their pods. Each write names the version, or the UID, that it is meant for."""

    async def set_session_finalizers(self, session: SessionMetadata, finalizers: tuple[str, ...]) -> str | None:
        """Replace the finalizers; return the new resourceVersion, or None when the session is gone.

        Raise Conflict when it has changed.
        """
        ...

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        """Replace the status; return False when the session is gone.

        Raise Conflict when it has changed since that version, StatusRefused when the status is refused.
        """
        ...

    async def delete_session(self, session: Session) -> None:
        """Delete the session as it was read; a missing one is success. Raise Conflict when it has changed."""
        ...

    async def create_pod(self, manifest: Json) -> None:
        """Create a pod; success if the session has it already. Raise PodRefused when it is refused."""
        ...

    async def delete_pod(self, pod: Pod, how: PodDeletion) -> Json | None:
        """Delete the pod with this UID; a missing one is success. Return the pod as it is then, where that is known."""
        ...

    async def end_sidecars(self, pod: Pod) -> None:
        """End all containers of a pod that still run, and keep the pod; a missing one is success."""
        ...

    async def set_pod_finalizers(self, pod: Pod, finalizers: tuple[str, ...]) -> None:
        """Replace the finalizers; a missing pod is success. Raise Conflict when the pod has changed."""
        ...


class BudgetClient(Protocol):
    """Reads and writes the PodDisruptionBudgets that protect pods from eviction."""

    async def budget(self, namespace: str, name: str) -> Json | None:
        """Return a PodDisruptionBudget; None when there is none."""
        ...

    async def create_budget(self, manifest: Json) -> None:
        """Create a PodDisruptionBudget; success if the session has it. Raise BudgetRefused when it is refused."""
        ...

    async def delete_budget(self, manifest: Json) -> None:
        """Delete the PodDisruptionBudget of a manifest, unless it is missing or has another owner."""
        ...


class ExposureClient(Protocol):
    """Reads and writes the Service through which callers reach a session, and its route where one is configured."""

    async def has_object(self, manifest: Json) -> bool:
        """Return whether the object of this kind, name and owner exists: a Service, or a route."""
        ...

    async def create_object(self, manifest: Json) -> None:
        """Create a Service or a route; success if the session has it. Raise ExposureRefused when it is refused."""
        ...

    async def delete_object(self, manifest: Json) -> None:
        """Delete the Service or the route of a manifest, unless it is missing or has another owner."""
        ...


class EventRecorder(Protocol):
    """Records Kubernetes Events."""

    async def record_event(self, session: SessionMetadata, event: KubernetesEvent) -> None:
        """Record an Event on the session. Best effort: there is no retry."""
        ...


class Cluster(SessionReader, SessionWriter, BudgetClient, ExposureClient, EventRecorder, Protocol):
    """All that a pass needs of the API server. Any call may raise ClusterUnavailable."""


class UninstallClient(Protocol):
    """Reads what an uninstallation has to end and release. Any call may raise ClusterUnavailable."""

    def sessions(self) -> AsyncIterator[Json]:
        """Yield all BotSessions in the operator's namespaces, page by page."""
        ...

    def session_metadata(self) -> AsyncIterator[Json]:
        """Yield the metadata of all BotSessions in the operator's namespaces."""
        ...

    def pod_metadata(self) -> AsyncIterator[Json]:
        """Yield the metadata of all pods of sessions."""
        ...

    async def stop_operator(self) -> None:
        """Scale the operator to zero, and delete the admission policy that adds finalizers; what is missing is success.

        The operator that runs may take a moment to stop.
        """
        ...


class Control(Protocol):
    """A supervisor's control endpoint. Calls raise nothing: they return NoSnapshot where no supervisor answers."""

    async def snapshot(self, pod: Pod, token: str) -> SessionSnapshot | NoSnapshot:
        """Return the supervisor's snapshot of its session."""
        ...

    async def end(self, pod: Pod, token: str, request: EndRequest) -> SessionSnapshot | NoSnapshot:
        """Request the end of the session; a second request is harmless."""
        ...

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> SessionSnapshot | NoSnapshot:
        """Send the limits that have changed."""
        ...


class Supervisors(Protocol):
    """The supervisors of all sessions, for passes: no call waits for an answer.

    The session is marked dirty when an answer comes, and when its supervisor becomes silent or answers again.
    """

    def read(self, key: Key, pod: Pod, token: str) -> Reading:
        """Return what is known of a supervisor, and ask it again unless that is fresh."""
        ...

    async def end(self, key: Key, pod: Pod, token: str, request: EndRequest) -> None:
        """Queue a request to end the session."""
        ...

    async def adjust(self, key: Key, pod: Pod, token: str, patch: SessionPatch) -> None:
        """Queue the limits that have changed."""
        ...

    def ask_now(self, key: Key) -> None:
        """Ask a supervisor now, however long it has been silent."""
        ...

    def ask_more_often(self, key: Key) -> None:
        """Ask a supervisor more often while it is silent."""
        ...

    def retry_at(self, key: Key) -> datetime | None:
        """Return when a pass must read a silent supervisor again; None where none must."""
        ...

    def forget(self, key: Key) -> None:
        """Forget the supervisor of a session."""
        ...


class Webhook(Protocol):
    """The receiver of webhook messages. Calls raise nothing: a message that is not accepted is sent again later."""

    async def post(self, message_id: str, body: str) -> Reply:
        """Send a message once. A message that is sent again keeps its id."""
        ...
