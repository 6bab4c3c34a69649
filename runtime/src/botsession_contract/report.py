"""The exit report: what a supervisor leaves in its container's termination message.

The kubelet keeps 4096 bytes of it, so what does not fit is dropped here, knowingly: names before facts.
"""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from botsession_contract.bounded_json import clean_text, clean_texts, clip_text, parse_json
from botsession_contract.conversation import Conversation, ProcessorErrors, check_conversation
from botsession_contract.json_codec import LOCAL, PayloadError, decode_noting, encode
from botsession_contract.lifecycle import Cause, Farewell, Mode, Outcome, Reason, Step
from botsession_contract.result import ResultError
from botsession_contract.result import to_json as check_result

#: The kubelet's bound on a termination message (k8s.io/api/core/v1, TerminationMessagePath).
LARGEST_REPORT_BYTES: Final = 4096
MAX_TASK_NAMES: Final = 20
MAX_STAGES: Final = 8
MAX_TEXT_LENGTH: Final = 1024
#: What is left of a text when even the bounded texts do not fit.
SHORT_TEXT: Final = 160
#: …and beside a result as large as it may be. JSON may take six bytes for one.
MIN_TEXT_LENGTH: Final = 40
#: What is read of a termination message. The kubelet replaces bytes that are no UTF-8 by three others.
LARGEST_MESSAGE_BYTES: Final = 4 * LARGEST_REPORT_BYTES
#: Counts and exit codes are numbers of 32 bits in the session's status.
LARGEST_COUNT: Final = 2**31 - 1
#: Longer times than this, some 30 years, are no session's.
MAX_SECONDS: Final = 1e9


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A rung of the ladder and when it was stepped on."""

    step: Step
    at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """How the session was asked to end, and the rungs of the ladder so far; absent where the bot ended itself."""

    cause: Cause
    mode: Mode
    requested_at: datetime
    steps: tuple[StepTaken, ...] = ()
    #: Absent until the session has ended, and in a report from a runtime that is too old to tell.
    farewell: Farewell | None = None
    #: What the reader has to say of it: words of another version, that is. Not on the wire.
    note: str | None = dataclasses.field(default=None, metadata=LOCAL)


@dataclass(frozen=True, slots=True)
class DanglingTasks:
    """asyncio tasks that were alive after the runner had returned."""

    count: int = 0
    names: tuple[str, ...] = ()
    #: How many of them Pipecat's task manager knew nothing of; absent where the two kinds could not be told apart.
    unmanaged: int | None = None


@dataclass(frozen=True, slots=True)
class Prompts:
    """How often a quiet caller was asked whether they are still there."""

    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds from the supervisor's start; `drained` from the request to end."""

    bot_imported: float | None = None
    pipeline_started: float | None = None
    drained: float | None = None
    #: Until it listened for its caller; absent where it did not wait for one.
    listening: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A pipeline of the session that had finished when the next one started."""

    #: The name of its worker.
    name: str
    #: The frame that ended it, by its class name.
    frame: str
    seconds: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ExitReport:
    """Everything about a finished session that outlives its pod."""

    reason: Reason
    outcome: Outcome
    finished_at: datetime
    #: The frame that ended the pipeline, by its class name; absent when none was seen to.
    frame: str | None = None
    #: One sentence for a person.
    message: str | None = None
    #: The bot process's exit code; 128 + n when a signal n ended it.
    exit_code: int | None = None
    #: Where the bot was stuck: a processor (`Blackhole#0`) or a line (`bot.py:42 in spin`).
    stuck_at: str | None = None
    dangling_tasks: DanglingTasks = DanglingTasks()
    timings: Timings = Timings()
    started_at: datetime | None = None
    client_connected_at: datetime | None = None
    ending: Ending | None = None
    #: When the last client left; absent where one stayed until the session was ending.
    client_disconnected_at: datetime | None = None
    #: What the bot handed over: any JSON that `result.to_json` takes.
    result: Any = None
    #: Absent if no caller was prompted.
    prompts: Prompts | None = None
    #: Absent in a report from a runtime that is too old to tell.
    conversation: Conversation | None = None
    #: When the last pipeline had finished; absent where it never did. The process may go on after that.
    conversation_ended_at: datetime | None = None
    #: The pipelines before the last one, the last few of them; absent where there was one only.
    stages: tuple[Stage, ...] | None = None


def to_bytes(report: ExitReport) -> bytes:
    """Serialise a report into at most LARGEST_REPORT_BYTES of UTF-8.

    Names of tasks are dropped first, then stages, errors, the ends of texts. What the bot handed over is kept whole:
    half of it would be another result.
    """
    fitted = (_with(report, *bounds) for bounds in _bounds(report))
    return next(each for each in fitted if len(each) <= LARGEST_REPORT_BYTES)


def from_bytes(raw: bytes | str) -> ExitReport:
    """Return the report in a termination message; raise PayloadError, and nothing else, where it is none.

    The bot may have written it, over the supervisor's. What is returned fits into the session's status: its times are
    of this age, its numbers are small, its texts are clean. Words of another version are in `message`.
    """
    try:
        data = clean_texts(parse_json(raw, LARGEST_MESSAGE_BYTES), but="result")
        report, words = decode_noting(ExitReport, data)
        check_result(report.result)
    except ResultError as exc:
        raise PayloadError(str(exc)) from exc
    check_report(report)
    if not words:
        return report
    said = f"the supervisor is of another version: {', '.join(words)}"
    return dataclasses.replace(report, message=f"{report.message}; {said}" if report.message else said)


def check_report(report: ExitReport) -> None:
    """Raise PayloadError for a number that no session's status may have."""
    tasks, prompts = report.dangling_tasks, report.prompts
    counts = {"danglingTasks.count": tasks.count, "danglingTasks.unmanaged": tasks.unmanaged}
    counts["prompts.count"] = prompts.count if prompts else None
    for name, count in counts.items():
        if count is not None and not 0 <= count <= LARGEST_COUNT:
            raise PayloadError(f"{name} must be between 0 and {LARGEST_COUNT}")
    if tasks.unmanaged is not None and tasks.unmanaged > tasks.count:
        raise PayloadError("danglingTasks.unmanaged must be at most danglingTasks.count")
    if report.exit_code is not None and abs(report.exit_code) > LARGEST_COUNT:
        raise PayloadError(f"exitCode must be between -{LARGEST_COUNT} and {LARGEST_COUNT}")
    for field in dataclasses.fields(report.timings):
        seconds = getattr(report.timings, field.name)
        if seconds is not None and not abs(seconds) <= MAX_SECONDS:
            raise PayloadError(f"timings of more than {MAX_SECONDS:.0f} seconds are no session's")
    if not all(0 <= stage.seconds <= MAX_SECONDS for stage in report.stages or ()):
        raise PayloadError(f"stages of more than {MAX_SECONDS:.0f} seconds, or less than none, are no session's")
    check_conversation(report.conversation)


#: What is kept of a report: the names of tasks, the stages, how many errors, and how long a text may be.
Kept = tuple[tuple[str, ...], tuple[Stage, ...], int, int]


def _bounds(report: ExitReport) -> Iterator[Kept]:
    """Return what is kept, from all that is wanted to what fits.

    Names of tasks go first, then stages, then errors, the first of which stays longest, then the length of texts.
    """
    names = tuple(_clip(name, SHORT_TEXT) for name in report.dangling_tasks.names[:MAX_TASK_NAMES])
    stages = tuple(_clip_stage(stage) for stage in (report.stages or ())[-MAX_STAGES:])
    errors = len(report.conversation.errors) if report.conversation else 0
    yield from ((names[:count], stages, errors, MAX_TEXT_LENGTH) for count in range(len(names), -1, -1))
    yield from (((), stages[first:], errors, MAX_TEXT_LENGTH) for first in range(1, len(stages) + 1))
    yield from (((), (), count, MAX_TEXT_LENGTH) for count in range(errors - 1, 0, -1))
    yield from (((), (), min(errors, count), longest) for longest, count in ((SHORT_TEXT, 1), (MIN_TEXT_LENGTH, 0)))


def _clip_stage(stage: Stage) -> Stage:
    return dataclasses.replace(
        stage,
        name=_clip(stage.name, SHORT_TEXT),
        frame=_clip(stage.frame, SHORT_TEXT),
        reason=_clip(stage.reason, SHORT_TEXT),
    )


def _with(report: ExitReport, names: tuple[str, ...], stages: tuple[Stage, ...], errors: int, longest: int) -> bytes:
    bounded = dataclasses.replace(
        report,
        frame=_clip(report.frame, min(longest, SHORT_TEXT)),
        message=_clip(report.message, longest),
        stuck_at=_clip(report.stuck_at, longest),
        dangling_tasks=dataclasses.replace(report.dangling_tasks, names=names),
        conversation=_clipped(report.conversation, errors),
        stages=stages or None,
    )
    return json.dumps(encode(bounded), ensure_ascii=False, separators=(",", ":")).encode()


def _clipped(conversation: Conversation | None, errors: int) -> Conversation | None:
    if conversation is None:
        return None
    return dataclasses.replace(conversation, errors=tuple(map(_short, conversation.errors[:errors])))


def _short(errors: ProcessorErrors) -> ProcessorErrors:
    return dataclasses.replace(
        errors,
        processor=_clip(errors.processor, MIN_TEXT_LENGTH),
        category=_clip(errors.category, MIN_TEXT_LENGTH),
        first_message=_clip(errors.first_message, SHORT_TEXT),
        last_message=_clip(errors.last_message, SHORT_TEXT),
    )


Text = TypeVar("Text", str, str | None)


def _clip(text: Text, longest: int) -> Text:
    return text if text is None else clip_text(clean_text(text), longest)
