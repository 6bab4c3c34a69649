"""The reasons of conditions and of Events. Each has the sentence that the docs show for it.

A reason of the API server, the scheduler or the kubelet is an `ExternalReason`, which the operator passes on unchanged.
"""

from typing import Final, NewType, TypeAlias

from botsession_contract.documented import DocumentedEnum
from botsession_contract.lifecycle import Reason


class ConditionReason(DocumentedEnum):
    """Why a condition of a session has its status."""

    CREATED = "Created", "The session's pod exists, or existed."
    NAME_TAKEN = "NameTaken", "An object of another owner has the name; the operator leaves that object alone."
    QUOTA_EXCEEDED = "QuotaExceeded", "A ResourceQuota of the namespace is used up; the operator retries."
    SPEC_REFUSED = "SpecRefused", "The operator cannot read the session, or cannot build a pod from its spec."
    REFUSED = "Refused", "The API server refused the object without a reason; the operator retries."
    START_FAILED = "StartFailed", "`botsession run` could not start the supervisor on this machine."
    PIPELINE_STARTED = "PipelineStarted", "The pipeline has started."
    BETWEEN_PIPELINES = (
        "BetweenPipelines",
        "The bot ended a pipeline, or its process is gone; the bot may start another until the time in `message`.",
    )
    POD_MISSING = "PodMissing", "The pod does not exist yet."
    WAITING_FOR_NODE = "WaitingForNode", "The pod has no node yet."
    PREPARING_POD = "PreparingPod", "The node prepares the pod's volumes and its network."
    CONTAINER_CREATING = "ContainerCreating", "The node pulls the image, or creates the container."
    IMPORTING_BOT = "ImportingBot", "The supervisor runs and imports the bot."
    STARTING_PIPELINE = "StartingPipeline", "The bot is imported and has not started its pipeline."
    WAITING_FOR_CALLER = "WaitingForCaller", "The bot listens, and no caller has connected."
    CALLER_CONNECTED = "CallerConnected", "A caller has connected, and the pipeline has not started."
    ANSWERS = "Answers", "The supervisor answers the operator."
    NO_ANSWER = "NoAnswer", "The supervisor did not answer the operator, or was not asked."
    HOOK_CANNOT_CONNECT = "HookCannotConnect", "The hook inside the bot cannot reach the supervisor."
    HOOK_CONNECTED = "HookConnected", "The hook reports to the supervisor again."
    SERVICE_CREATED = "ServiceCreated", "The session's Service exists; callers reach the bot at `status.url`."
    PENDING = "Pending", "The Service does not exist yet."
    IN_CALL = "InCall", "A caller is in the call; a PodDisruptionBudget refuses evictions of the pod."
    NEVER = "Never", "A PodDisruptionBudget refuses evictions of the pod until the session ends."
    IDLE = "Idle", "No caller is in the call; the pod may be evicted."
    ALLOW = "Allow", "The spec allows evictions of the pod at any time."
    ENDING = "Ending", "The session ends or is over; the pod may be evicted."
    NOT_FINISHED = "NotFinished", "The session is not over."
    FINISHED = "Finished", "The session is over."
    STATUS_REFUSED = "StatusRefused", "The API server refused the whole status; the operator recorded its bare facts."
    RECORDED = "Recorded", "The API server accepts the whole status again."


class EventReason(DocumentedEnum):
    """The reason of an Event. Events for a refused pod and for a finish have the reason of that instead."""

    STARTED = "Started", "The pipeline has started."
    ENDING = "Ending", "The session was asked to end, or the bot ends its pipeline; the note names the cause."
    WEBHOOK_GAVE_UP = (
        "WebhookGaveUp",
        "The webhook's receiver did not accept an event in time; the operator stopped trying.",
    )
    SPEC_REFUSED = "SpecRefused", "The operator cannot read the session and leaves it alone."
    STATUS_REFUSED = "StatusRefused", "The API server refused the whole status; the operator recorded its bare facts."
    UNKNOWN = "Unknown", "The cluster refused the pod without a reason."


#: A reason from the API server, an admission policy, the scheduler or the kubelet.
ExternalReason = NewType("ExternalReason", str)
#: Why a pod waits, or an object was refused: one of the operator's reasons, or one from the cluster.
ObjectReason: TypeAlias = ConditionReason | ExternalReason
#: The reason of a condition; `Finished` has the reason of the finish.
AnyConditionReason: TypeAlias = ObjectReason | Reason
AnyEventReason: TypeAlias = EventReason | AnyConditionReason

#: The kubelet's reasons for an image that it cannot pull (kubernetes/pkg/kubelet/images/types.go).
IMAGE_REASONS: Final = frozenset(
    map(
        ExternalReason,
        ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"),
    )
)
#: …and for a container that it cannot create, for example because a Secret is missing.
CREATE_CONTAINER_CONFIG_ERROR: Final = ExternalReason("CreateContainerConfigError")
CONTAINER_REASONS: Final = frozenset(
    {CREATE_CONTAINER_CONFIG_ERROR, ExternalReason("CreateContainerError"), ExternalReason("RunContainerError")}
)
#: The scheduler's reasons for a pod without a node.
UNSCHEDULABLE: Final = ExternalReason("Unschedulable")
SCHEDULING_REASONS: Final = frozenset(
    {UNSCHEDULABLE, ExternalReason("SchedulerError"), ExternalReason("SchedulingGated")}
)
