"""The words for a session's life: each member's comment says what is true in it."""

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """Where a session stands, as `kubectl get` shows it. Derived; conditions are the interface."""

    PENDING = "Pending"  # no container of the session has started
    STARTING = "Starting"  # the supervisor runs, the pipeline has not started; a bot that listens waits for its caller
    RUNNING = "Running"  # the pipeline has started and nobody has asked it to end
    ENDING = "Ending"  # the session was asked to end, or the bot ends its pipeline, and it has not ended yet
    SUCCEEDED = "Succeeded"  # over, for a reason that is no error, and the bot was not killed
    FAILED = "Failed"  # over, by an error, or killed, lost or never started


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


class Mode(StrEnum):
    """How a session is asked to end."""

    GRACEFUL = "Graceful"  # EndFrame: what the bot is saying, and the farewell, are heard to the end
    IMMEDIATE = "Immediate"  # CancelFrame: the bot falls silent now


class Cause(StrEnum):
    """Why a session ends: who asked, or the bot itself. `reason_for` says which `Reason` that is."""

    MAX_DURATION = "MaxDuration"  # maxSessionDuration has passed since the pipeline started
    IDLE_TIMEOUT = "IdleTimeout"  # nothing that counts as activity was seen for idleTimeout
    NO_CLIENT = "NoClient"  # nobody had come when joinTimeout had passed since the start, or since the bot listened
    NO_SOUND = "NoSound"  # a client was there, and the bot had made no sound for it when firstSoundTimeout had passed
    END_REQUESTED = "EndRequested"  # spec.end was set, or the operator was uninstalled
    DELETED = "Deleted"  # the BotSession was deleted
    EVICTED = "Evicted"  # the pod got a SIGTERM that nobody here asked for: a drain, an eviction, a deleted pod
    START_TIMEOUT = "StartTimeout"  # the pipeline had not started when startTimeout had passed
    BOT_ENDED = "BotEnded"  # nobody asked: the bot put an EndFrame or a StopFrame into its own pipeline
    BOT_CANCELLED = "BotCancelled"  # nobody asked: the bot, or Pipecat for it, put a CancelFrame into the pipeline
    UNKNOWN = "Unknown"  # a word of another version, which the reader does not know; nobody asks for it


#: The causes of ends that the bot began. Nobody may ask for them.
BOT_CAUSES: Final = frozenset({Cause.BOT_ENDED, Cause.BOT_CANCELLED})


class Reason(StrEnum):
    """Why a session ended."""

    COMPLETED = "Completed"  # the bot ended itself with an EndFrame or a StopFrame; unwatched, with exit code 0
    BOT_CANCELLED = "BotCancelled"  # the bot ended itself with a CancelFrame, and its client had not left before
    CLIENT_DISCONNECTED = "ClientDisconnected"  # the last client left, and the bot ended itself because of it
    IDLE_TIMEOUT = "IdleTimeout"  # it was quiet for idleTimeout, or for as long as the bot itself had configured
    NO_CLIENT = "NoClient"  # nobody had come when joinTimeout had passed since the start, or since the bot listened
    MAX_DURATION = "MaxDuration"  # maxSessionDuration has passed since the pipeline started
    END_REQUESTED = "EndRequested"  # spec.end was set, or the operator was uninstalled
    DELETED = "Deleted"  # the BotSession was deleted
    EVICTED = "Evicted"  # the pod got a SIGTERM that nobody here asked for
    START_TIMEOUT = "StartTimeout"  # the pipeline had not started when startTimeout had passed
    NO_SOUND = "NoSound"  # a client was there, and the bot had made no sound for it when firstSoundTimeout had passed
    BOT_ERROR = "BotError"  # the bot raised, could not be imported, or its pipeline could not be set up
    BOT_EXITED = "BotExited"  # the bot's process went away without a finished pipeline
    OUT_OF_MEMORY = "OutOfMemory"  # the kernel killed the bot, or all of its container, for its memory
    IMAGE_PULL = "ImagePull"  # the image could not be pulled before startTimeout
    UNSCHEDULABLE = "Unschedulable"  # no node took the pod before startTimeout
    POD_REJECTED = "PodRejected"  # the API server, a quota or the kubelet refused the pod before startTimeout
    NODE_LOST = "NodeLost"  # the node, and the pod with it, is gone
    UNKNOWN = "Unknown"  # nothing that is left tells why


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


class Outcome(StrEnum):
    """How a session actually ended."""

    DRAINED = "Drained"  # the EndFrame (or StopFrame) reached the pipeline's sink
    CANCELLED = "Cancelled"  # a CancelFrame ended the pipeline
    FORCED = "Forced"  # an EndFrame was stuck; a CancelFrame put straight into the pipeline freed it
    KILLED = "Killed"  # the bot's process had to be killed, or the kernel killed it for its memory
    LOST = "Lost"  # the process went away and nobody can tell how: the bot's without a finish, or the supervisor's too
    NEVER_STARTED = "NeverStarted"  # the pipeline never started
    UNWATCHED = "Unwatched"  # the bot's process ended, and its hook could not say how its pipeline did
    UNKNOWN = "Unknown"  # the supervisor is of another version, and has a word for it that the reader does not know


#: Outcomes that make a session `Failed` whatever its reason was; but for want of a client, see `final_phase`.
FAILED_OUTCOMES: Final = frozenset({Outcome.KILLED, Outcome.LOST, Outcome.NEVER_STARTED})


class Step(StrEnum):
    """A rung of the shutdown ladder."""

    END_FRAME = "EndFrame"  # the farewell and an EndFrame are queued, or the bot has put in one of its own
    CANCEL_FRAME = "CancelFrame"  # worker.cancel() was called, by the supervisor's hook or by the bot
    FORCED_CANCEL_FRAME = "ForcedCancelFrame"  # a CancelFrame went straight into the pipeline, past a stuck EndFrame
    TERMINATE = "Terminate"  # SIGTERM to a bot whose pipeline has not started, or to a server that its bot has left
    KILL = "Kill"  # SIGKILL to the bot's processes
    POD_DELETE = "PodDelete"  # the operator deleted the pod: no report came
    UNKNOWN = "Unknown"  # a rung that only another version has


class Farewell(StrEnum):
    """What became of `shutdown.farewell`, for a session that was asked to end. Never a guess: each was seen."""

    SPOKEN = "Spoken"  # the output transport was seen to play it, and to have played all of it
    SYNTHESIZED = "Synthesized"  # a TTS made sound of it, and no output transport was seen to play that
    CUT_SHORT = "CutShort"  # it was to be spoken, and the pipeline ended before all of it had been
    INTERRUPTED = "Interrupted"  # the caller spoke, which made the bot fall silent before all of it had been spoken
    NO_SOUND = "NoSound"  # all that was queued was drained, and no TTS made sound of it
    NO_CLIENT = "NoClient"  # not given: no client had ever connected
    CLIENT_GONE = "ClientGone"  # not given, or not to the end: a client had been there, and none was any more
    NO_TTS = "NoTTS"  # not given: no processor of the pipeline is a TTS service, and nothing else speaks on demand
    ALREADY_ENDING = "AlreadyEnding"  # not given: the bot was ending itself, or had ended
    IMMEDIATE = "Immediate"  # not given: the session was asked to end at once
    NOT_STARTED = "NotStarted"  # not given: the pipeline had not started
    NOT_CONFIGURED = "NotConfigured"  # there is none in the spec for this cause
    UNKNOWN = "Unknown"  # there is no report that would tell


class BotState(StrEnum):
    """What the supervisor knows of its bot."""

    STARTING = "Starting"  # the process runs, its pipeline has not started
    RUNNING = "Running"  # the pipeline has started
    ENDING = "Ending"  # the ladder is being walked
    FINISHED = "Finished"  # the process is gone and the report is written
    UNKNOWN = "Unknown"  # a word of another version, which the reader does not know


class ProcessorKind(StrEnum):
    """What a processor of the bot's pipeline does, by the base class that it has in Pipecat."""

    STT = "STT"  # speech to text
    TTS = "TTS"  # text to speech
    LLM = "LLM"  # a language model, one that goes from speech to speech too
    TRANSPORT = "Transport"  # what connects the pipeline with its client
    OTHER = "Other"  # any other processor, the pipeline itself, or the bot's own code


class ReportedBy(StrEnum):
    """Who wrote the finish of a session."""

    RUNTIME = "Runtime"  # the supervisor, in its exit report
    OPERATOR = "Operator"  # the operator, from what was left of the pod


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
    """Tell whether a finished session counts as succeeded.

    A bot that listened and was never called, or whose client left while it started, has done all there was to do.
    """
    has_nobody = reason in (Reason.NO_CLIENT, Reason.CLIENT_DISCONNECTED) and outcome is Outcome.NEVER_STARTED
    failed = reason in ERROR_REASONS or (outcome in FAILED_OUTCOMES and not has_nobody)
    return Phase.FAILED if failed else Phase.SUCCEEDED
