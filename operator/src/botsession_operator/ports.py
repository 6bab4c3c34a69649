"""Those that the operator talks to, as Protocols: the cluster, the supervisors' control endpoints, and a webhook.

Passes talk to `Supervisors`, which the supervisor poller implements by `Control`.

Each has a real implementation in `effects/`; `Cluster` has two. One set of contract tests holds them all.
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


class SessionReader(Protocol):
    """Reads sessions and their pods, live from the API server."""

    async def session(self, key: Key) -> Json | None:
        """Read a BotSession; None when there is none."""
        ...

    async def pod(self, namespace: str, name: str) -> Json | None:
        """Read a pod; None when there is none."""
        ...

    async def pods_labelled(self, key: Key) -> list[Json]:
        """Read all pods that carry the session's label: its own, and those of earlier sessions of its name."""
        ...


class SessionWriter(Protocol):
    """Writes sessions and their pods. Each write names the version, or the UID, that it is meant for."""

    async def set_session_finalizers(self, session: SessionMetadata, finalizers: tuple[str, ...]) -> str | None:
        """Replace the finalizers, give the new resourceVersion; None when the session is gone.

        Raise Conflict when it has changed.
        """
        ...

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        """Replace the status; False when the session is gone.

        Raise Conflict when it has changed since that version, StatusRefused when the status is not taken.
        """
        ...

    async def delete_session(self, session: Session) -> None:
        """Ask for the deletion of the session as it was read; a missing one is success. Raise Conflict on a change."""
        ...

    async def create_pod(self, manifest: Json) -> None:
        """Create a pod; the session's own of this name is success. Raise PodRefused when it is not taken."""
        ...

    async def delete_pod(self, pod: Pod, how: PodDeletion) -> None:
        """Ask for the deletion of this very pod (by UID); a missing one is success."""
        ...

    async def end_sidecars(self, pod: Pod) -> None:
        """Have everything in a pod ended that still runs, and keep the pod; a missing one is success."""
        ...

    async def set_pod_finalizers(self, pod: Pod, finalizers: tuple[str, ...]) -> None:
        """Replace the finalizers; a missing pod is success. Raise Conflict when the pod has changed."""
        ...


class BudgetClient(Protocol):
    """Reads and writes the PodDisruptionBudgets that protect pods from eviction."""

    async def budget(self, namespace: str, name: str) -> Json | None:
        """Read a PodDisruptionBudget; None when there is none."""
        ...

    async def create_budget(self, manifest: Json) -> None:
        """Create a PodDisruptionBudget; the session's own is success. Raise BudgetRefused when it is not taken."""
        ...

    async def delete_budget(self, manifest: Json) -> None:
        """Delete the PodDisruptionBudget that a manifest describes; a missing or another owner's one stays."""
        ...


class ExposureClient(Protocol):
    """Reads and writes what leads callers to a session: a Service, and a route where one is configured."""

    async def has_object(self, manifest: Json) -> bool:
        """Return whether the object of this kind, name and owner exists: a Service, or a route."""
        ...

    async def create_object(self, manifest: Json) -> None:
        """Create a Service or a route; the session's own is success. Raise ExposureRefused when it is not taken."""
        ...

    async def delete_object(self, manifest: Json) -> None:
        """Delete the Service or the route that a manifest describes; a missing or another owner's one stays."""
        ...


class EventRecorder(Protocol):
    """Records Kubernetes Events."""

    async def record_event(self, session: SessionMetadata, event: KubernetesEvent) -> None:
        """Record an Event on the session. Best effort: an Event that is lost is not tried again."""
        ...


class Cluster(SessionReader, SessionWriter, BudgetClient, ExposureClient, EventRecorder, Protocol):
    """Objects as the API server keeps them: all that a pass needs. Any call may raise ClusterUnavailable."""


class UninstallClient(Protocol):
    """All that an operator leaves behind. Any call may raise ClusterUnavailable."""

    def sessions(self) -> AsyncIterator[Json]:
        """Read all BotSessions that the operator looks after, some at a time."""
        ...

    def session_metadata(self) -> AsyncIterator[Json]:
        """Read the metadata of all BotSessions that the operator looks after."""
        ...

    def pod_metadata(self) -> AsyncIterator[Json]:
        """Read the metadata of all pods of sessions."""
        ...

    async def stop_operator(self) -> None:
        """Have no operator run but the one that calls, and nobody else hold new sessions; what is missing is success.

        It may take the other a moment to be gone.
        """
        ...


class Control(Protocol):
    """A supervisor's control endpoint. Nothing is raised: what does not answer is NoSnapshot, and is asked again."""

    async def snapshot(self, pod: Pod, token: str) -> SessionSnapshot | NoSnapshot:
        """Ask what the supervisor knows."""
        ...

    async def end(self, pod: Pod, token: str, request: EndRequest) -> SessionSnapshot | NoSnapshot:
        """Ask for the end; asking twice is harmless."""
        ...

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> SessionSnapshot | NoSnapshot:
        """Tell the limits that have moved."""
        ...


class Supervisors(Protocol):
    """The supervisors of all sessions, as a pass deals with them: nothing here waits for an answer.

    An answer, and the end or the beginning of a silence, marks the session dirty.
    """

    def read(self, key: Key, pod: Pod, token: str) -> Reading:
        """Return what is known of a supervisor, and have it asked anew unless that is fresh."""
        ...

    async def end(self, key: Key, pod: Pod, token: str, request: EndRequest) -> None:
        """Have a supervisor asked to end its session."""
        ...

    async def adjust(self, key: Key, pod: Pod, token: str, patch: SessionPatch) -> None:
        """Have a supervisor told the limits that have moved."""
        ...

    def ask_now(self, key: Key) -> None:
        """Have a supervisor asked now, however long it has been silent."""
        ...

    def ask_more_often(self, key: Key) -> None:
        """Have a supervisor asked more often while it is silent."""
        ...

    def retry_at(self, key: Key) -> datetime | None:
        """Return when a silent supervisor is to be asked again; None for one that is not silent."""
        ...

    def forget(self, key: Key) -> None:
        """Forget the supervisor of a session that has none any more."""
        ...


class Webhook(Protocol):
    """Whoever wants to hear of sessions. Nothing is raised: what is not taken has failed, and is sent again."""

    async def post(self, message_id: str, body: str) -> Reply:
        """Send a message once. What has been sent before bears the id that it had then."""
        ...
