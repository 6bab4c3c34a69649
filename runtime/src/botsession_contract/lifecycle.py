"""The words for a session's life: each member's sentence says what is true in it."""

from enum import StrEnum
from typing import Final

from botsession_contract.documented import DocumentedEnum


class Phase(DocumentedEnum):
    """Where a session stands, as `kubectl get` shows it. Derived; conditions are the interface."""

    PENDING = "Pending", "No container of the session has started."
    STARTING = (
        "Starting",
        "The supervisor runs and the pipeline has not started; a bot that listens waits for its caller.",
    )
    RUNNING = "Running", "The pipeline has started, and nothing has asked it to end."
    ENDING = "Ending", "The session was asked to end, or the bot ends its pipeline; it has not ended yet."
    SUCCEEDED = "Succeeded", "The session is over for a reason that is not an error, and the bot was not killed."
    FAILED = "Failed", "The session is over: it failed, was killed or lost, or never started."


FINISHED_PHASES: Final = frozenset({Phase.SUCCEEDED, Phase.FAILED})
#: Where a session may go from each phase. Any may be passed over, and a finish is for ever. One is gone back to: a bot
#: that has ended its pipeline may begin another one.
NEXT_PHASES: Final = {
    Phase.PENDING: frozenset({Phase.STARTING, Phase.RUNNING, Phase.ENDING, *FINISHED_PHASES}),
    Phase.STARTING: frozenset({Phase.RUNNING, Phase.ENDING, *FINISHED_PHASES}),
    Phase.RUNNING: frozenset({Phase.ENDING, *FINISHED_PHASES}),
    Phase.ENDING: frozenset({Phase.RUNNING, *FINISHED_PHASES}),
    Phase.SUCCEEDED: frozenset[Phase](),
    Phase.FAILED: frozenset[Phase](),
}


class Mode(DocumentedEnum):
    """How a session is asked to end."""

    GRACEFUL = (
        "Graceful",
        "An EndFrame ends the pipeline: the caller hears what the bot is saying, and the farewell, to the end.",
    )
    IMMEDIATE = "Immediate", "A CancelFrame ends the pipeline: the bot falls silent at once."


class Cause(DocumentedEnum):
    """Why a session ends: who asked, or the bot itself. `reason_for` says which `Reason` that is."""

    MAX_DURATION = "MaxDuration", "maxSessionDuration has passed since the pipeline started."
    IDLE_TIMEOUT = "IdleTimeout", "Nothing that counts as activity was seen for idleTimeout."
    NO_CLIENT = (
        "NoClient",
        "No client had connected when joinTimeout had passed since the start, or since the bot listened.",
    )
    NO_SOUND = (
        "NoSound",
        "A client was connected, and the bot had made no sound for it when firstSoundTimeout had passed.",
    )
    END_REQUESTED = "EndRequested", "spec.end was set, or the operator was uninstalled."
    DELETED = "Deleted", "The BotSession was deleted."
    EVICTED = "Evicted", "The pod got a SIGTERM that the operator did not ask for: a drain, an eviction, a deleted pod."
    START_TIMEOUT = "StartTimeout", "The pipeline had not started when startTimeout had passed."
    BOT_ENDED = "BotEnded", "The bot put an EndFrame or a StopFrame into its own pipeline."
    BOT_CANCELLED = "BotCancelled", "The bot, or Pipecat for it, put a CancelFrame into the pipeline."
    UNKNOWN = "Unknown", "Another version reported a cause that the reader does not know; no request may have it."


#: The causes of ends that the bot began. No request may have one of them.
BOT_CAUSES: Final = frozenset({Cause.BOT_ENDED, Cause.BOT_CANCELLED})


class Reason(DocumentedEnum):
    """Why a session ended. One that follows from a cause alone has its sentence."""

    COMPLETED = "Completed", "The bot ended itself with an EndFrame or a StopFrame, or ended its runner."
    BOT_CANCELLED = (
        "BotCancelled",
        "The bot, or Pipecat for it, ended the conversation with a CancelFrame, and its client had not left before.",
    )
    CLIENT_DISCONNECTED = "ClientDisconnected", "The last client left, and the bot ended itself because of it."
    IDLE_TIMEOUT = (
        "IdleTimeout",
        "There was no activity for idleTimeout, or for as long as the bot itself had configured.",
    )
    NO_CLIENT = "NoClient", Cause.NO_CLIENT.sentence
    MAX_DURATION = "MaxDuration", Cause.MAX_DURATION.sentence
    END_REQUESTED = "EndRequested", Cause.END_REQUESTED.sentence
    DELETED = "Deleted", Cause.DELETED.sentence
    EVICTED = "Evicted", "The pod got a SIGTERM that the operator did not ask for."
    START_TIMEOUT = "StartTimeout", Cause.START_TIMEOUT.sentence
    NO_SOUND = "NoSound", Cause.NO_SOUND.sentence
    BOT_ERROR = (
        "BotError",
        "The bot raised, could not be imported, or its pipeline could not be set up or could not go on.",
    )
    BOT_EXITED = "BotExited", "The bot's process exited, or bot() returned, without a finished pipeline."
    OUT_OF_MEMORY = "OutOfMemory", "The kernel killed the bot, or its whole container, for its memory."
    IMAGE_PULL = "ImagePull", "The image could not be pulled before startTimeout."
    UNSCHEDULABLE = "Unschedulable", "No node took the pod before startTimeout."
    POD_REJECTED = "PodRejected", "The API server, a quota or the kubelet refused the pod before startTimeout."
    NODE_LOST = "NodeLost", "The node is gone, and the pod with it."
    UNKNOWN = (
        "Unknown",
        "Nothing that is left says why, or another version reported a reason that the operator does not know.",
    )


#: Reasons that make a session `Failed` whatever its outcome was.
ERROR_REASONS: Final = frozenset(
    {
        Reason.START_TIMEOUT,
        Reason.NO_SOUND,
        Reason.BOT_ERROR,
        Reason.BOT_EXITED,
        Reason.OUT_OF_MEMORY,
        Reason.IMAGE_PULL,
        Reason.UNSCHEDULABLE,
        Reason.POD_REJECTED,
        Reason.NODE_LOST,
        Reason.UNKNOWN,
    }
)


class Outcome(DocumentedEnum):
    """How a session actually ended."""

    DRAINED = (
        "Drained",
        "The EndFrame (or StopFrame) reached the end of the pipeline: the bot said all that was queued.",
    )
    CANCELLED = "Cancelled", "A CancelFrame ended the pipeline: the bot fell silent at once."
    FORCED = "Forced", "An EndFrame was stuck; a CancelFrame put straight into the pipeline freed it."
    KILLED = "Killed", "The bot's process had to be killed, or the kernel killed it for its memory."
    LOST = "Lost", "The process went away, and neither the bot nor the supervisor reported how it ended."
    NEVER_STARTED = "NeverStarted", "The pipeline never started."
    UNWATCHED = "Unwatched", "The bot's process ended, and its hook could not report how its pipeline ended."
    UNKNOWN = "Unknown", "The supervisor is of another version and reported an outcome that the operator does not know."


#: Outcomes that make a session `Failed` whatever its reason was; but for want of a client, see `final_phase`.
FAILED_OUTCOMES: Final = frozenset({Outcome.KILLED, Outcome.LOST, Outcome.NEVER_STARTED})


class Step(DocumentedEnum):
    """A rung of the shutdown ladder."""

    END_FRAME = "EndFrame", "The farewell and an EndFrame are queued, or the bot queued an EndFrame of its own."
    CANCEL_FRAME = "CancelFrame", "The supervisor's hook, or the bot, called worker.cancel()."
    FORCED_CANCEL_FRAME = "ForcedCancelFrame", "A CancelFrame went straight into the pipeline, past a stuck EndFrame."
    TERMINATE = (
        "Terminate",
        "SIGTERM went to a bot whose pipeline has not started, or to a server that its bot has left.",
    )
    KILL = "Kill", "SIGKILL went to the bot's processes."
    POD_DELETE = "PodDelete", "The operator deleted the pod, because no report came."
    UNKNOWN = "Unknown", "Another version reported a rung that the reader does not know."


class Farewell(DocumentedEnum):
    """What became of `shutdown.farewell`, for a session that was asked to end. Never a guess: each was seen."""

    SPOKEN = "Spoken", "A TTS made sound of it, and the output transport was seen to play all of it."
    SYNTHESIZED = "Synthesized", "A TTS made sound of it, and no output transport was seen to play that."
    CUT_SHORT = "CutShort", "The pipeline ended before the bot had spoken all of it."
    INTERRUPTED = "Interrupted", "The caller spoke, and the bot fell silent before it had spoken all of it."
    NO_SOUND = "NoSound", "The pipeline drained all that was queued, and no TTS made sound of the farewell."
    NO_CLIENT = "NoClient", "The bot did not speak it: no client had ever connected."
    CLIENT_GONE = "ClientGone", "The bot did not speak it, or not to the end: the last client had left."
    NO_TTS = "NoTTS", "The bot did not speak it: the pipeline has no TTS service."
    ALREADY_ENDING = "AlreadyEnding", "The bot did not speak it: the bot was ending itself, or had ended."
    IMMEDIATE = "Immediate", "The bot did not speak it: the session was asked to end at once."
    NOT_STARTED = "NotStarted", "The bot did not speak it: the pipeline had not started."
    NOT_CONFIGURED = "NotConfigured", "The spec has no farewell for this cause."
    UNKNOWN = "Unknown", "No report says: none came, or it came from a runtime of an older version."


class BotState(DocumentedEnum):
    """What the supervisor knows of its bot."""

    STARTING = "Starting", "The process runs, and its pipeline has not started."
    RUNNING = "Running", "The pipeline has started."
    ENDING = "Ending", "The supervisor takes the rungs of the shutdown ladder."
    FINISHED = "Finished", "The process is gone, and the report is written."
    UNKNOWN = "Unknown", "Another version reported a state that the reader does not know."


class ProcessorKind(DocumentedEnum):
    """What a processor of the bot's pipeline does, by the base class that it has in Pipecat."""

    STT = "STT", "Speech to text."
    TTS = "TTS", "Text to speech."
    LLM = "LLM", "A language model, including one that goes from speech to speech."
    TRANSPORT = "Transport", "What connects the pipeline with its client."
    OTHER = "Other", "Any other processor, the pipeline itself, or the bot's own code."


class ReportedBy(DocumentedEnum):
    """Who wrote the finish of a session."""

    RUNTIME = "Runtime", "The supervisor wrote the finish in its exit report."
    OPERATOR = "Operator", "The operator wrote the finish from what was left of the pod."


#: What stands for a word that only another version knows. Where an enum is not here, what holds the word is left out.
STAND_INS: Final[dict[type[StrEnum], StrEnum]] = {
    Cause: Cause.UNKNOWN,
    Reason: Reason.UNKNOWN,
    Outcome: Outcome.UNKNOWN,
    Step: Step.UNKNOWN,
    Farewell: Farewell.UNKNOWN,
    BotState: BotState.UNKNOWN,
    ProcessorKind: ProcessorKind.OTHER,
    Mode: Mode.GRACEFUL,
    ReportedBy: ReportedBy.RUNTIME,
    Phase: Phase.PENDING,
}
#: Enums whose stand-in no supervisor writes and no request may hold: readers alone make it.
WRITTEN_BY_READERS: Final[frozenset[type[StrEnum]]] = frozenset({Cause, Outcome, Step, BotState})


def reason_for(cause: Cause) -> Reason:
    """Return the reason that a session has which ended for this cause."""
    return Reason.COMPLETED if cause is Cause.BOT_ENDED else Reason(cause)


def final_phase(reason: Reason, outcome: Outcome) -> Phase:
    """Return whether a finished session counts as succeeded.

    A bot that listened and was never called, or whose client left while it started, has done all there was to do.
    """
    has_nobody = reason in (Reason.NO_CLIENT, Reason.CLIENT_DISCONNECTED) and outcome is Outcome.NEVER_STARTED
    failed = reason in ERROR_REASONS or (outcome in FAILED_OUTCOMES and not has_nobody)
    return Phase.FAILED if failed else Phase.SUCCEEDED
