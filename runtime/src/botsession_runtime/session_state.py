"""What is known of a session. Pure: the ladder and the report read nothing else.

All times are seconds of the monotonic clock, so that setting the wall clock changes nothing here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from botsession_contract.lifecycle import BOT_CAUSES, Cause, Farewell, Mode, Step
from botsession_contract.report import DanglingTasks
from botsession_runtime import conversation, pipelines
from botsession_runtime.conversation import Conversation
from botsession_runtime.memory import Memory
from botsession_runtime.pipelines import Finish, OwnEnd, Pipelines, Stage
from botsession_runtime.result import Result

#: Names of the frames that end a pipeline.
CANCEL_FRAME: Final = "CancelFrame"
END_FRAMES: Final = frozenset({"EndFrame", "StopFrame"})
NO_TASKS: Final = DanglingTasks()
NO_RESULT: Final = Result()
#: The largest count that a status can hold.
LARGEST_COUNT: Final = 2**31 - 1


class Speech(StrEnum):
    """How far a farewell had been spoken, by the last event about it."""

    QUEUED = "Queued"  # a TTS service is in the pipeline, and will come to it
    SILENT = "Silent"  # the TTS service has passed on what was queued behind it, and has made no sound
    VOICED = "Voiced"  # a TTS service has made sound of it
    SPEAKING = "Speaking"  # the output transport plays it
    SPOKEN = "Spoken"  # the output transport has played it
    INTERRUPTED = "Interrupted"  # the caller spoke before it had been played


@dataclass(frozen=True, slots=True)
class Request:
    """How the session was asked to end, or how the bot ends it by itself."""

    cause: Cause
    mode: Mode
    at: float
    grace_seconds: float
    cancel_seconds: float
    farewell: str = ""
    #: When Graceful was raised to Immediate.
    raised_at: float | None = None

    @property
    def is_by_bot(self) -> bool:
        """Whether the bot ends the session by itself, without a request."""
        return self.cause in BOT_CAUSES


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder and when it was taken."""

    step: Step
    at: float


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of the bot's process."""

    #: As `os.waitstatus_to_exitcode` gives it: negative for a signal.
    code: int
    at: float


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything known of one session. Absent members have not happened, as far as is known."""

    began: float
    is_target: bool = True
    hooked_at: float | None = None
    imported_at: float | None = None
    #: When the launcher began to listen for the caller with whom the pipeline starts, and when that one came.
    listening_at: float | None = None
    called_at: float | None = None
    #: Where the supervisor itself found that the bot listens, on a port that the spec does not name: that port, and the
    #: earliest time at which joinTimeout may end the session.
    guessed_port: int | None = None
    join_earliest: float = 0.0
    #: The port of `spec.expose`, and others on which the bot listens.
    expected_port: int | None = None
    other_ports: tuple[int, ...] = ()
    #: Whether it listens only on a loopback address, which only its own pod reaches.
    listens_on_loopback_only: bool = False
    started_at: float | None = None
    client_at: float | None = None
    #: The pipeline has a transport that says when a client connects.
    has_clients: bool = False
    #: The last activity, while an idle limit makes the hook watch for it.
    active_at: float | None = None
    #: When the idle prompt was last sent to the bot.
    prompt_sent_at: float | None = None
    #: How often the bot spoke the prompt, and when it last did. Without a client or a TTS service it does not.
    prompts: int = 0
    last_prompted_at: float | None = None
    #: When Pipecat's own idle timeout fired.
    idle_at: float | None = None
    #: Frames to watch for that this Pipecat does not have.
    advice: str | None = None
    request: Request | None = None
    rungs: tuple[Rung, ...] = ()
    #: An EndFrame or a StopFrame has been queued and has not come out: whatever is queued behind it waits.
    has_end_in_flight: bool = False
    #: The processor that holds the EndFrame, or the CancelFrame, now.
    end_held_by: str | None = None
    cancel_held_by: str | None = None
    #: The bot's own frame to end the conversation. With several pipelines: the frame that left none of them going on.
    own_end: OwnEnd | None = None
    #: What the bot said when it ended its runner, which then cancels all workers in Pipecat's own words.
    runner_end: OwnEnd | None = None
    #: When a frame that ends a pipeline was last seen to move.
    hop_at: float | None = None
    #: When the end last made progress: that frame moved, or the bot made sound.
    progress_at: float | None = None
    #: The end of the conversation; with several pipelines at once, that of the last one.
    finish: Finish | None = None
    #: Whether the runner has workers without a pipeline, which may go on.
    has_bare_helpers: bool = False
    #: The pipelines that are followed, and the stages of the conversation that came before.
    pipelines: Pipelines = pipelines.NONE
    stages: tuple[Stage, ...] = ()
    #: How many stages there were in all.
    stage_count: int = 0
    #: When the pipeline of this stage started; `started_at` is the first one's.
    stage_started_at: float | None = None
    #: When a pipeline was last being set up.
    set_up_at: float | None = None
    #: What Pipecat timed out waiting for: `setup`, `StartFrame` or `CancelFrame`.
    timed_out: str | None = None
    #: What a processor said of itself that can no longer do its job, and when.
    unusable: str | None = None
    unusable_at: float | None = None
    #: Why the bot could not be run at all.
    failure: str | None = None
    #: The exception that came out of the bot.
    crash: str | None = None
    #: When the bot raised it, or called sys.exit().
    crashed_at: float | None = None
    #: The sentence that the bot gave sys.exit().
    exit_sentence: str | None = None
    #: The last error that Pipecat reported as fatal.
    fatal_error: str | None = None
    #: The runner has returned to the bot's own code, without an exception.
    is_over: bool = False
    #: When the bot was over in a program that still listened for callers: a server, which does not exit by itself.
    serving_at: float | None = None
    #: When the process that ran the pipeline was gone, if it was not the supervisor's own child. Its parent may start
    #: another one.
    lost_at: float | None = None
    #: Why the pipeline is not watched, if the hook was loaded in a process and could not reach the supervisor.
    unwatched: str | None = None
    #: A process of the bot into which Pipecat cannot load the hook, in a sentence.
    cleared: str | None = None
    #: The bot function has returned, in target mode.
    has_returned: bool = False
    #: When the last client left; not where the end of the pipeline had closed its connection.
    left_at: float | None = None
    #: How far the farewell got, or why it was not spoken.
    farewell: Speech | Farewell | None = None
    dangling: DanglingTasks = NO_TASKS
    #: How many tasks had been left in all, and how many Pipecat's task manager knew of.
    tasks: int | None = None
    managed_tasks: int | None = None
    #: The line that the bot's event loop was blocked in when it was killed.
    blocked_at: str | None = None
    exit: Exit | None = None
    #: The container's memory as it was at the exit, with the kernel's kills since the bot's start.
    memory: Memory | None = None
    #: What the bot has handed over.
    result: Result = NO_RESULT
    conversation: Conversation = conversation.NOTHING

    @property
    def may_continue(self) -> bool:
        """Whether another pipeline may follow one that is over: no end was requested, except by the bot itself."""
        return self.request is None or self.request.is_by_bot

    @property
    def was_sent_sigterm(self) -> bool:
        """Whether the supervisor has sent SIGTERM to the bot's processes."""
        return self.rung(Step.TERMINATE) is not None

    @property
    def is_between_pipelines(self) -> bool:
        """Whether a pipeline has finished by the bot's own doing, and another one may follow."""
        return self.finish is not None and self.may_continue

    def rung(self, step: Step) -> Rung | None:
        """Return the last time that a step was taken."""
        return next((rung for rung in reversed(self.rungs) if rung.step is step), None)
