"""Rule: which metrics a change of a status increments.

This is data only: `metrics` increments counters after the status has been written. A write has a resourceVersion
precondition, and a finish is written once, so each change is counted once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from botsession_contract.documented import DocumentedEnum
from botsession_contract.lifecycle import BOT_CAUSES, Cause, Farewell, Outcome, ReportedBy, Step
from botsession_contract.report import DanglingTasks
from botsession_operator.api.status import EndingStatus, Finish, Status, TimingsStatus
from botsession_operator.core.status import conversation

#: Twice as long as any session lasts: a report may contain any number.
MAX_SECONDS: Final = 2 * 24 * 3600.0
#: The most errors of one processor in one session that are counted, for the same reason.
MAX_ERRORS: Final = 100_000


class Metric(StrEnum):
    """A metric of sessions, by the name that a scrape shows."""

    FINISHED = "botsession_finished_total"
    DANGLING_TASKS = "botsession_dangling_tasks_total"
    WITH_DANGLING_TASKS = "botsession_sessions_with_dangling_tasks_total"
    REPORTS_MISSING = "botsession_reports_missing_total"
    LADDER_STEPS = "botsession_ladder_steps_total"
    FAREWELLS = "botsession_farewells_total"
    DURATION = "botsession_duration_seconds"
    START = "botsession_start_seconds"
    SHUTDOWN = "botsession_shutdown_seconds"
    LATENESS = "botsession_deadline_lateness_seconds"
    FIRST_SOUND = "botsession_first_sound_seconds"
    SILENT = "botsession_silent_sessions_total"
    BOT_ERRORS = "botsession_bot_errors_total"


class Stage(DocumentedEnum):
    """A stage of a session's start, by its name in status.timings."""

    SCHEDULED = "scheduled", "The pod has a node."
    POD_STARTED = "podStarted", "The bot's container has started."
    BOT_IMPORTED = "botImported", "The bot's module is imported; known from the report when the session has ended."
    PIPELINE_STARTED = "pipelineStarted", "The pipeline has started."
    LISTENING = "listening", "The bot listens for its caller; replaces `pipelineStarted` for such a bot."


class TaskKind(DocumentedEnum):
    """Whether Pipecat's task manager knew of a dangling task."""

    MANAGED = (
        "managed",
        "Pipecat's task manager knew of the task, or the supervisor could not tell the two kinds apart.",
    )
    UNMANAGED = "unmanaged", "A bare `asyncio.create_task` created the task."


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One increment of a counter, or one observation in seconds of a histogram."""

    metric: Metric
    value: float = 1
    labels: tuple[str, ...] = ()


def samples_of(namespace: str, before: Status | None, after: Status) -> tuple[MetricSample, ...]:
    """Return the samples for a status that has just replaced another. A finish counts only when it is new."""
    samples = list(_start_samples(before, after))
    if after.finish and not (before and before.finish):
        samples += _finish_samples(namespace, after, after.finish)
        samples += _ending_samples(namespace, after.ending, after.finish, after) if after.ending else ()
    return tuple(samples)


def _start_samples(before: Status | None, after: Status) -> Iterator[MetricSample]:
    known, now_known = _stages(before), _stages(after)
    for stage, seconds in now_known.items():
        if stage not in known:
            yield MetricSample(Metric.START, _clamped(seconds), (stage,))


def _stages(status: Status | None) -> dict[Stage, float]:
    timings = (status.timings if status else None) or TimingsStatus()
    stages = {
        Stage.SCHEDULED: timings.scheduled,
        Stage.POD_STARTED: timings.pod_started,
        Stage.BOT_IMPORTED: timings.bot_imported,
        Stage.PIPELINE_STARTED: timings.pipeline_started if timings.listening is None else None,
        Stage.LISTENING: timings.listening,
    }
    return {stage: seconds for stage, seconds in stages.items() if seconds is not None}


def _finish_samples(namespace: str, status: Status, finish: Finish) -> Iterator[MetricSample]:
    yield MetricSample(Metric.FINISHED, 1, (namespace, finish.reason, finish.outcome))
    if finish.reported_by is ReportedBy.OPERATOR and _has_run(status, finish):
        yield MetricSample(Metric.REPORTS_MISSING, 1, (namespace,))
    if status.dangling_tasks and status.dangling_tasks.count:
        yield from _dangling_task_samples(namespace, status.dangling_tasks)
        yield MetricSample(Metric.WITH_DANGLING_TASKS, 1, (namespace,))
    yield from _conversation_samples(namespace, status)
    ended_at = status.conversation_ended_at or status.finished_at
    if status.started_at and ended_at:
        yield MetricSample(Metric.DURATION, _seconds(ended_at - status.started_at))


def _conversation_samples(namespace: str, status: Status) -> Iterator[MetricSample]:
    seconds = conversation.seconds_to_first_sound(status)
    if seconds is not None:
        yield MetricSample(Metric.FIRST_SOUND, _clamped(seconds))
    if conversation.is_silent(status):
        yield MetricSample(Metric.SILENT, 1, (namespace,))
    for errors in status.conversation.errors if status.conversation else ():
        yield MetricSample(Metric.BOT_ERRORS, min(errors.count, MAX_ERRORS), (namespace, errors.kind))


def _dangling_task_samples(namespace: str, dangling: DanglingTasks) -> Iterator[MetricSample]:
    unmanaged = dangling.unmanaged or 0
    for kind, count in ((TaskKind.MANAGED, dangling.count - unmanaged), (TaskKind.UNMANAGED, unmanaged)):
        if count:
            yield MetricSample(Metric.DANGLING_TASKS, count, (namespace, kind))


def _ending_samples(namespace: str, ending: EndingStatus, finish: Finish, status: Status) -> Iterator[MetricSample]:
    yield from (MetricSample(Metric.LADDER_STEPS, 1, (namespace, each.step)) for each in ending.steps)
    if ending.cause not in BOT_CAUSES:
        yield MetricSample(Metric.FAREWELLS, 1, (namespace, ending.farewell or Farewell.UNKNOWN))
    if status.finished_at:
        labels = (ending.mode, finish.outcome)
        yield MetricSample(Metric.SHUTDOWN, _seconds(status.finished_at - ending.requested_at), labels)
    # Only the supervisor's own steps are by the same clock as the deadline.
    first = next((each for each in ending.steps if each.step is not Step.POD_DELETE), None)
    if ending.cause is Cause.MAX_DURATION and status.deadline and first:
        yield MetricSample(Metric.LATENESS, _seconds(first.at - status.deadline))


def _has_run(status: Status, finish: Finish) -> bool:
    """Return whether a supervisor ran, so that its report is missing, instead of never having existed."""
    return Stage.POD_STARTED in _stages(status) or finish.outcome is not Outcome.NEVER_STARTED


def _seconds(length: timedelta) -> float:
    return _clamped(length.total_seconds())


def _clamped(seconds: float) -> float:
    """Return seconds within the bounds of a histogram.

    All sessions share its sum. Negative values, which clocks that differ produce, would lower the sum, and one absurd
    report would dominate it.
    """
    return min(max(0.0, seconds), MAX_SECONDS)
