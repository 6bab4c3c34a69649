"""Rule: which pipelines of a bot are its conversation, and when that is over. Pure.

A bot may run several pipelines: helpers beside the conversation, two callers at once, one stage after the other.

    With a transport   counts before one without: the conversation is over when all of those are
    Without any        of each runner the first one to finish is the conversation, and the others help it, unless one
                       of them makes sound after that: then it is the conversation's next stage
"""

from dataclasses import dataclass, replace
from typing import Final

#: Pipelines that are followed at the same time, so that a bot cannot fill the supervisor's memory.
MAX_PIPELINES: Final = 32
#: Finished stages whose names are kept, the last ones.
MAX_STAGES: Final = 8


@dataclass(frozen=True, slots=True)
class Finish:
    """The frame that ended a pipeline."""

    frame: str
    reason: str | None
    #: Whether the frame was sent by the supervisor, rather than by the bot.
    is_ours: bool
    at: float


@dataclass(frozen=True, slots=True)
class OwnEnd:
    """A frame with which the bot began to end a pipeline."""

    frame: str
    reason: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What is known of one root worker's pipeline."""

    number: int
    runner: int = 0
    name: str = ""
    has_transport: bool = False
    #: When its worker was being set up: before its start.
    set_up_at: float = 0.0
    started_at: float | None = None
    own_end: OwnEnd | None = None
    end_held_by: str | None = None
    cancel_held_by: str | None = None
    #: Set when the frame has reached the end of the pipeline. Pipecat reports the finish after the bot's own handlers,
    #: which may block that report.
    reached_end: Finish | None = None
    finish: Finish | None = None
    #: Whether it belongs to a stage that is over.
    is_past: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it has started and not finished."""
        return self.started_at is not None and self.finish is None


@dataclass(frozen=True, slots=True)
class Stage:
    """A conversation's part that is over: another pipeline came after it."""

    name: str
    frame: str
    reason: str | None
    started_at: float
    finished_at: float


Pipelines = tuple[Pipeline, ...]
NONE: Final[Pipelines] = ()


def find(pipelines: Pipelines, number: int, at: float) -> Pipeline:
    """Return a pipeline by its number; a new one where it has not been heard of."""
    return next((each for each in pipelines if each.number == number), Pipeline(number, set_up_at=at))


def put(pipelines: Pipelines, new: Pipeline) -> Pipelines:
    """Return the pipelines with one of them in its new form; the oldest goes where there are too many."""
    if any(each.number == new.number for each in pipelines):
        return tuple(new if each.number == new.number else each for each in pipelines)
    return (*pipelines, new)[-MAX_PIPELINES:]


def settled(pipelines: Pipelines) -> Pipelines:
    """Return the pipelines of a bot that has exited: those whose frame came out count as finished."""
    return tuple(replace(each, finish=each.finish or each.reached_end) for each in pipelines)


def next_stage(pipelines: Pipelines, finished_at: float) -> Pipelines:
    """Return what is left of a stage that is over for the next: helpers that still run, and what was set up since."""
    left = (each for each in pipelines if each.finish is None)
    return tuple(each if each.set_up_at > finished_at else replace(each, is_past=True) for each in left)


def may_follow(pipelines: Pipelines, one: Pipeline) -> bool:
    """Return whether a pipeline may be the conversation when another one has finished: where none has a transport."""
    is_told_apart = any(each.has_transport for each in pipelines if not each.is_past)
    return one.is_live and not one.is_past and not is_told_apart


def without_finished(pipelines: Pipelines) -> Pipelines:
    """Return what is left for the next stage, where that is a pipeline which was there already."""
    return tuple(replace(each, is_past=each.is_past or each.finish is not None) for each in pipelines)


def is_over(pipelines: Pipelines) -> bool:
    """Return whether the conversation has finished."""
    groups = _conversation(pipelines)
    return bool(groups) and all(any(each.finish for each in group) for group in groups)


def finish_of(pipelines: Pipelines) -> Finish | None:
    """Return how the conversation finished, also if the bot's own handlers block the report of the last finish."""
    every = settled(pipelines)
    return last_finish(every) if is_over(every) else None


def last_finish(pipelines: Pipelines) -> Finish | None:
    """Return the last finish of this stage's pipelines; None where none has finished."""
    finishes = (each.finish for each in pipelines if each.finish and not each.is_past)
    return max(finishes, key=lambda finish: finish.at, default=None)


def is_ending(pipelines: Pipelines) -> bool:
    """Return whether the bot has begun to end all of the conversation that has not finished."""
    groups = _conversation(pipelines)
    return bool(groups) and all(any(each.finish or each.own_end for each in group) for group in groups)


def holder(pipelines: Pipelines, member: str) -> str | None:
    """Return the processor that holds a frame in a pipeline that has not finished, those of the conversation first."""
    ordered = sorted((each for each in pipelines if not each.finish), key=lambda each: not each.has_transport)
    return next((held for each in ordered if (held := getattr(each, member))), None)


def _conversation(pipelines: Pipelines) -> list[Pipelines]:
    """Return the groups of pipelines of each of which one must be done."""
    # One that is being set up is among them: it may start when another one has finished.
    known = [each for each in pipelines if not each.is_past]
    with_transport = [each for each in known if each.has_transport]
    if with_transport:
        return [(each,) for each in with_transport]
    runners = dict.fromkeys(each.runner for each in known)
    return [tuple(each for each in known if each.runner == runner) for runner in runners]
