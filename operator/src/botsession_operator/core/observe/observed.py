"""What a pass has seen: the session, its pod, and what the pod's supervisor answered.

Raw API objects end here. Everything that decides reads these types.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum, auto

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import FINISHED_PHASES
from botsession_contract.names import REPORT_FINALIZER, SESSION_FINALIZER
from botsession_contract.report import ExitReport
from botsession_operator.api.reasons import ObjectReason
from botsession_operator.api.spec import Spec
from botsession_operator.api.status import Status
from botsession_operator.core.observe.webhook_delivery import Attempts
from botsession_operator.core.session_key import Key as Key  # most of what reads a session names it too
from botsession_operator.core.session_key import SessionIdentity


@dataclass(frozen=True, slots=True)
class SessionMetadata:
    """The metadata of a BotSession. It is readable even if the spec is not, and enough to release the session."""

    key: Key
    uid: str
    resource_version: str
    is_deleting: bool
    finalizers: tuple[str, ...]

    @property
    def identity(self) -> SessionIdentity:
        """Return what distinguishes this session from another of its name."""
        return SessionIdentity(self.key, self.uid)

    @property
    def has_finalizer(self) -> bool:
        """Return whether the operator's finalizer makes a deletion wait for the clean-up."""
        return SESSION_FINALIZER in self.finalizers

    @property
    def with_finalizer(self) -> tuple[str, ...]:
        """Return the finalizers with the operator's added."""
        return (*self.without_finalizer, SESSION_FINALIZER)

    @property
    def without_finalizer(self) -> tuple[str, ...]:
        """Return the finalizers without the operator's."""
        return _without(SESSION_FINALIZER, self.finalizers)


@dataclass(frozen=True, slots=True)
class Session(SessionMetadata):
    """A BotSession as it stood when it was read."""

    generation: int
    created_at: datetime
    spec: Spec
    status: Status | None
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Return whether the finish is recorded; after that, passes only clean up."""
        return self.status is not None and self.status.phase in FINISHED_PHASES


class PodState(StrEnum):
    """The state of a pod, by its bot container. A pod that does not exist is None instead."""

    WAITING = "Waiting"  # the container has not started
    RUNNING = "Running"  # the supervisor runs
    TERMINATED = "Terminated"  # the container has ended or will never start: nothing more will happen in this pod


@dataclass(frozen=True, slots=True)
class WaitingReason:
    """Why a pod waits or an object was refused, in the operator's words or in the cluster's."""

    reason: ObjectReason
    message: str


@dataclass(frozen=True, slots=True)
class Termination:
    """How a container ended."""

    reason: str  # Completed, Error, OOMKilled, …; empty when the kubelet never said
    exit_code: int | None
    report: ExitReport | None
    #: A termination message that is no report: the container runtime's error for a command that it could not start.
    message: str = ""
    #: Why a message that looks like a report cannot be read. The bot, too, can write the file that it comes from.
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A session's pod."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    finalizers: tuple[str, ...]
    state: PodState
    #: The session that its labels and its controller name; None where they do not agree.
    owner: SessionIdentity | None = None
    created_at: datetime | None = None
    #: When the API server was asked to delete it, and by when the kubelet was to be done.
    deletion_requested_by: datetime | None = None
    node_name: str | None = None
    address: str | None = None
    scheduled_at: datetime | None = None
    #: The node has prepared its volumes and its network. The image and the container come next.
    is_prepared: bool = False
    started_at: datetime | None = None
    waiting_reason: WaitingReason | None = None
    termination: Termination | None = None
    #: pod.status.reason (Evicted, DeadlineExceeded, …) or, where there is none, why the pod was disrupted
    #: (DeletionByTaintManager, EvictionByEvictionAPI, …).
    failure: WaitingReason | None = None
    #: Whether other containers run or wait to run, and the kubelet has not been asked to end them.
    has_sidecars: bool = False
    #: Whether init containers run beside the bot, which the kubelet ends after it.
    has_native_sidecars: bool = False
    #: The SHA-256 of the token that its supervisor accepts; empty if the pod's spec has none.
    token_sha256: str = ""
    #: Its supervisor's port on the node, as its spec has it; None where the pod has a network of its own.
    host_port: int | None = None
    #: The port for callers on the node, likewise.
    call_port: int | None = None

    @property
    def has_finalizer(self) -> bool:
        """Return whether the operator's finalizer keeps the object until its report is copied."""
        return REPORT_FINALIZER in self.finalizers

    @property
    def without_finalizer(self) -> tuple[str, ...]:
        """Return the finalizers of others."""
        return _without(REPORT_FINALIZER, self.finalizers)

    @property
    def is_deleting(self) -> bool:
        """Return whether the pod is being deleted, by the operator or by someone else."""
        return self.deletion_requested_by is not None


class NoSnapshot(Enum):
    """Why there is no snapshot."""

    NOT_ASKED = auto()  # the supervisor does not run, or the session is finished
    UNREACHABLE = auto()  # it was asked and did not answer


class Freshness(Enum):
    """When the supervisor sent the answer that a pass uses, or was found to be silent."""

    EARLIER = auto()  # before the event that caused this pass; the poller asks again, and that answer causes a pass
    CURRENT = auto()  # since then
    REPLY = auto()  # since then, as the reply to a request of an earlier pass


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass learns of a supervisor."""

    snapshot: SessionSnapshot | NoSnapshot
    freshness: Freshness
    ending_heard_at: datetime | None = None
    #: Heartbeats arrive from the supervisor: it is alive, and there is no news that the operator does not know of.
    is_heard: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that one pass has observed, as `gather` read it."""

    session: Session
    pod: Pod | None
    snapshot: SessionSnapshot | NoSnapshot
    #: A PodDisruptionBudget keeps the pod from being evicted. A pass does not look for one if none can exist.
    has_budget: bool = False
    #: The session's Service exists. A pass does not look for one if none can exist.
    is_exposed: bool = False
    #: Where callers reach the session while it is exposed; None without spec.expose.
    url: str | None = None
    #: Whether the operator is being uninstalled, so that no operator will manage the session afterwards.
    is_uninstalling: bool = False
    #: The events that a webhook subscribes to, and the state of each delivery.
    deliveries: Attempts = field(default_factory=dict)
    #: A pod that belongs to another owner has the name of the session's pod.
    is_pod_name_taken: bool = False
    freshness: Freshness = Freshness.CURRENT
    #: When this operator first heard from the supervisor that it had been asked to end, by the operator's clock.
    ending_heard_at: datetime | None = None
    #: Heartbeats arrive from the supervisor.
    is_heard: bool = False


def _without(finalizer: str, finalizers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in finalizers if each != finalizer)
