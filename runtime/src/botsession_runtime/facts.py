"""What is known of a session, and how an event from the bot changes it. Pure: the ladder and the report read only this.

All times are seconds of the monotonic clock, so that nothing here moves when somebody sets the wall clock.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from botsession_contract.lifecycle import Cause, Farewell, Mode, Step
from botsession_contract.report import DanglingTasks
from botsession_runtime import conversation
from botsession_runtime.conversation import Conversation
from botsession_runtime.memory import Memory
from botsession_runtime.result import Result

#: Names of the frames that end a pipeline.
CANCEL_FRAME: Final = "CancelFrame"
END_FRAMES: Final = frozenset({"EndFrame", "StopFrame"})
NO_TASKS: Final = DanglingTasks()
NO_RESULT: Final = Result()
#: The largest count that a status can hold.
LARGEST_COUNT: Final = 2**31 - 1


class Speech(StrEnum):
    """How far the speaking of a farewell had got, when last heard of."""

    QUEUED = "Queued"  # a TTS service is in the pipeline, and will come to it
    SILENT = "Silent"  # the TTS service has passed on what was queued behind it, and has made no sound
    VOICED = "Voiced"  # a TTS service has made sound of it
    SPEAKING = "Speaking"  # the output transport plays it
    SPOKEN = "Spoken"  # the output transport has played it
    INTERRUPTED = "Interrupted"  # the caller spoke before it had been played


#: Those in which a client that leaves has not heard all of it.
UNHEARD: Final = frozenset({Speech.QUEUED, Speech.VOICED, Speech.SPEAKING})


@dataclass(frozen=True, slots=True)
class Request:
    """How the session was asked to end."""

    cause: Cause
    mode: Mode
    at: float
    grace_seconds: float
    cancel_seconds: float
    farewell: str = ""
    #: When Graceful was raised to Immediate.
    raised_at: float | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder and when it was taken."""

    step: Step
    at: float


@dataclass(frozen=True, slots=True)
class Finish:
    """The frame that ended the pipeline."""

    frame: str
    reason: str | None
    #: Whether the frame was sent for the request, rather than by the bot.
    is_ours: bool
    at: float


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of the bot's process."""

    #: As `os.waitstatus_to_exitcode` gives it: negative for a signal.
    code: int
    at: float


@dataclass(frozen=True, slots=True)
class Dumpable:
    """The process that answers a signal with its stacks."""

    pid: int
    signal: int
    #: The thread that runs the event loop.
    thread: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known of one session. Absent members have not happened, as far as is known."""

    began: float
    is_target: bool = True
    hooked_at: float | None = None
    imported_at: float | None = None
    #: When the launcher began to listen for the caller with whom the pipeline starts, and when that one came.
    listening_at: float | None = None
    called_at: float | None = None
    #: Where the supervisor itself found that the bot listens, on a port that nobody named: that port, and the time
    #: before which its caller is not given up.
    guessed_port: int | None = None
    join_earliest: float = 0.0
    #: …and that it does so where only its own pod reaches it.
    listens_here_alone: bool = False
    started_at: float | None = None
    client_at: float | None = None
    #: The pipeline has a transport that says when a client connects.
    has_clients: bool = False
    #: The last sign of somebody speaking, where an idle limit has us look for it.
    active_at: float | None = None
    #: When the bot was last told to ask the caller whether they are still there.
    prompted_at: float | None = None
    #: How often it did, and when the last time: not where nobody could hear it, or nothing speak it.
    prompts: int = 0
    asked_at: float | None = None
    #: When Pipecat's own idle timeout struck.
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
    #: When the bot put its own frame to end the pipeline in.
    own_end_at: float | None = None
    finish: Finish | None = None
    #: What Pipecat gave up waiting for: `setup`, `StartFrame` or `CancelFrame`.
    timed_out: str | None = None
    #: Why the bot could not be run at all.
    failure: str | None = None
    #: The exception that came out of the bot.
    crash: str | None = None
    crashed_at: float | None = None
    #: The last error that Pipecat took for the end of the pipeline.
    fatal_error: str | None = None
    #: The runner has returned to the bot's own code, without an exception.
    is_over: bool = False
    #: When the bot was over in a program that still waited for callers: a server, which will not leave by itself.
    serving_at: float | None = None
    #: When the process that ran the pipeline was gone, where that is another one than the supervisor's child.
    lost_at: float | None = None
    #: Why nobody watches the pipeline, where the hook was loaded in a process and could not reach the supervisor.
    unwatched: str | None = None
    #: A process of the bot into which Pipecat cannot load the hook, in a sentence.
    cleared: str | None = None
    #: The bot function has returned, in target mode.
    has_returned: bool = False
    #: When the last client left; not where the session was ending already, which closes connections too.
    left_at: float | None = None
    #: How far the farewell got, or why it was not given.
    farewell: Speech | Farewell | None = None
    dangling: DanglingTasks = NO_TASKS
    #: How many tasks had been left in all, and how many Pipecat's task manager knew of.
    tasks: int | None = None
    managed_tasks: int | None = None
    dumpable: Dumpable | None = None
    #: The line that the bot's event loop was blocked in when it was killed.
    blocked_at: str | None = None
    exit: Exit | None = None
    #: The container's memory as it was at the exit, with the kernel's kills since the bot's start.
    memory: Memory | None = None
    #: What the bot has handed over.
    result: Result = NO_RESULT
    conversation: Conversation = conversation.NOTHING

    def rung(self, step: Step) -> Rung | None:
        """Give the last time that a step was taken."""
        return next((rung for rung in reversed(self.rungs) if rung.step is step), None)


def learn(facts: Facts, event: dict[str, Any]) -> Facts:
    """Return the facts with what an event says, which has been through the gate (`events`)."""
    learner = _LEARNERS.get(event.get("event", ""))
    return learner(facts, event, float(event["at"])) if learner else facts


def _hooked(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    # A program that serves callers loads Pipecat's hook when one has come.
    called_at = facts.called_at if facts.listening_at is None else facts.called_at or max(at, facts.listening_at)
    imported_at = facts.imported_at or at
    # Where a process was lost, its parent has begun another.
    return replace(facts, hooked_at=at, imported_at=imported_at, called_at=called_at, lost_at=None, unwatched=None)


def _imported(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    return replace(facts, imported_at=facts.imported_at or at)


def _dumpable(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, dumpable=Dumpable(event["pid"], event["signal"], event["thread"]))


def _listening(facts: Facts, event: dict[str, Any], at: float) -> Facts:
    # The gate takes `earliest` and `here_alone` out of what the bot's side writes.
    earliest = event.get("earliest")
    guess = {} if earliest is None else {"guessed_port": event["port"], "join_earliest": earliest}
    here = bool(event.get("here_alone"))
    return replace(facts, listening_at=facts.listening_at or at, listens_here_alone=here, **guess)


def _called(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    return replace(facts, called_at=facts.called_at or at)


def _started(facts: Facts, event: dict[str, Any], at: float) -> Facts:
    has_clients = facts.has_clients or bool(event.get("clients"))
    return replace(facts, started_at=facts.started_at or at, has_clients=has_clients)


def _client(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    return replace(facts, client_at=facts.client_at or at, left_at=None)


def _left(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    """Note that the last client has left, unless it is the end of the pipeline that has closed its connection."""
    if facts.own_end_at is not None or facts.finish or any(rung.step is not Step.END_FRAME for rung in facts.rungs):
        return facts
    if facts.farewell in UNHEARD:
        return replace(facts, farewell=Farewell.CLIENT_GONE)
    return facts if facts.request else replace(facts, left_at=at)


def _farewell(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    if facts.farewell is Farewell.CLIENT_GONE:
        return facts  # the transport plays on, and nobody listens
    if event.get("refused"):
        return replace(facts, farewell=Farewell(event["refused"]))
    return replace(facts, farewell=Speech(event["state"])) if event.get("state") else facts


def _active(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    return replace(facts, active_at=max(facts.active_at or at, at))


def _prompted(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    return replace(facts, prompts=min(facts.prompts + 1, LARGEST_COUNT), asked_at=at)


def _advice(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, advice=event["message"])


def _idle(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    return replace(facts, idle_at=at)


def _timeout(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, timed_out=event["what"])


def _hop(facts: Facts, event: dict[str, Any], at: float) -> Facts:
    own = facts.own_end_at if event["ours"] else facts.own_end_at or at
    if event["frame"] == CANCEL_FRAME:
        return replace(facts, cancel_held_by=event["held_by"], own_end_at=own)
    return replace(facts, end_held_by=event["held_by"], own_end_at=own, has_end_in_flight=True)


def _finished(facts: Facts, event: dict[str, Any], at: float) -> Facts:
    # With several root workers the first to finish is the conversation; the rest only follow.
    finish = Finish(event["frame"], event.get("reason"), bool(event["ours"]), at)
    return replace(facts, finish=facts.finish or finish)


def _took(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    """Correct the last rung by what the bot's side really did: it knows of its own EndFrame first."""
    step = Step(event["step"])
    in_flight = facts.has_end_in_flight or step in (Step.END_FRAME, Step.FORCED_CANCEL_FRAME)
    if facts.rungs and step is Step.FORCED_CANCEL_FRAME and facts.rungs[-1].step is Step.CANCEL_FRAME:
        last = replace(facts.rungs[-1], step=step)
        return replace(facts, rungs=(*facts.rungs[:-1], last), has_end_in_flight=in_flight)
    return replace(facts, has_end_in_flight=in_flight)


def _failed(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, failure=facts.failure or event["message"])


def _crashed(facts: Facts, event: dict[str, Any], at: float) -> Facts:
    return replace(facts, crash=facts.crash or event["message"], crashed_at=facts.crashed_at or at)


def _error(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, fatal_error=event["message"]) if event["fatal"] else facts


def _conversation(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, conversation=conversation.learn(facts.conversation, event))


def _over(facts: Facts, _event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, is_over=True)


def _serving(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    # Our own launcher may listen too, for its one caller, and leaves when the bot has.
    return facts if facts.is_target else replace(facts, serving_at=facts.serving_at or at)


def _lost(facts: Facts, _event: dict[str, Any], at: float) -> Facts:
    return replace(facts, lost_at=at)


def _unwatched(facts: Facts, event: dict[str, Any], at: float) -> Facts:
    """Take the pipeline for one that has started: Pipecat has loaded the hook into its worker."""
    if facts.hooked_at is not None or facts.unwatched:
        return facts
    said = f"the hook was loaded in process {event['pid']} and could not reach the supervisor"
    return replace(facts, unwatched=said, imported_at=facts.imported_at or at, started_at=facts.started_at or at)


def _cleared(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, cleared=event["message"])


def _returned(facts: Facts, _event: dict[str, Any], _at: float) -> Facts:
    return replace(facts, has_returned=True)


def _dangling(facts: Facts, event: dict[str, Any], _at: float) -> Facts:
    """Put together what is told of tasks: the launcher knows how many there are, the hook which Pipecat manages.

    Told twice, the longer list is kept.
    """
    count, managed = _larger(facts.tasks, event.get("count")), _larger(facts.managed_tasks, event.get("managed"))
    names = max(facts.dangling.names, tuple(event["names"]), key=len)
    unmanaged = None if count is None or managed is None else max(count - managed, 0)
    dangling = DanglingTasks(max(count or 0, managed or 0), names, unmanaged)
    return replace(facts, tasks=count, managed_tasks=managed, dangling=dangling)


def _larger(one: int | None, other: int | None) -> int | None:
    return max((number for number in (one, other) if number is not None), default=None)


_LEARNERS: Final = {
    "hooked": _hooked,
    "imported": _imported,
    "dumpable": _dumpable,
    "listening": _listening,
    "called": _called,
    "started": _started,
    "client": _client,
    "left": _left,
    "farewell": _farewell,
    "active": _active,
    "prompted": _prompted,
    "advice": _advice,
    "idle": _idle,
    "timeout": _timeout,
    "hop": _hop,
    "finished": _finished,
    "took": _took,
    "failed": _failed,
    "crashed": _crashed,
    "error": _error,
    "audio": _conversation,
    "sounded": _conversation,
    "turns": _conversation,
    "errors": _conversation,
    "over": _over,
    "serving": _serving,
    "lost": _lost,
    "unwatched": _unwatched,
    "cleared": _cleared,
    "returned": _returned,
    "dangling": _dangling,
}
