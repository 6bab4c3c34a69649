"""A session's life as lines of text: the entries for each change of its status."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from botsession_contract.lifecycle import BOT_CAUSES, FINISHED_PHASES, Farewell, Phase, Step
from botsession_operator.api.duration import format_duration
from botsession_operator.api.status import ConditionStatus, ConditionType, Status, awaits_caller
from botsession_operator.cli.render import conversation


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    at: datetime
    #: Who or what the entry is about; the terminal has a colour for each.
    subject: str
    text: str


def entries(before: Status | None, after: Status, now: datetime) -> Iterator[Entry]:
    """Yield the entries for what is new in a status, in the order in which it happened."""
    if after.client_connected_at and not (before and before.client_connected_at):
        yield Entry(after.client_connected_at, "client", "connected to the bot")
    sound, earlier_sound = _first_sound(after), _first_sound(before)
    if sound and not earlier_sound:
        yield Entry(sound, "sound", "the bot makes its first sound")
    yield from _troubles(before, after, now)
    if awaits_caller(after) and not awaits_caller(before):
        yield Entry(now, after.phase, f"the bot waits for its caller{f' at {after.url}' if after.url else ''}")
    if before is None or before.phase is not after.phase:
        if after.finish:
            yield from sorted([*_steps(before, after), *_last_frame(after)], key=lambda entry: entry.at)
        yield from _next_pipeline(after, now) if _goes_on(before, after) else _phase(after, now)
    if not after.finish:
        yield from _steps(before, after)


def _first_sound(status: Status | None) -> datetime | None:
    return status.conversation.first_sound_at if status and status.conversation else None


def _goes_on(before: Status | None, after: Status) -> bool:
    return before is not None and before.phase is Phase.ENDING and after.phase is Phase.RUNNING


def _next_pipeline(status: Status, now: datetime) -> Iterator[Entry]:
    """Yield that the bot continues with another pipeline, which does not change `startedAt`."""
    left = f"; maxSessionDuration ends it in {format_duration(status.deadline - now)}" if status.deadline else ""
    yield Entry(now, status.phase, f"the next pipeline runs{left}")


def _phase(status: Status, now: datetime) -> Iterator[Entry]:
    if status.phase is Phase.RUNNING and status.started_at and status.deadline:
        length = format_duration(status.deadline - status.started_at)
        yield Entry(status.started_at, status.phase, f"the pipeline runs; maxSessionDuration ends it in {length}")
    elif status.phase is Phase.ENDING and status.ending:
        who = "the bot ends it" if status.ending.cause in BOT_CAUSES else f"{status.ending.mode} end"
        yield Entry(status.ending.requested_at, status.phase, f"{who}: {status.ending.cause}")
    elif status.finish and status.finished_at:
        detail = f": {status.finish.message}" if status.finish.message else ""
        outcome = f"{status.finish.reason} / {status.finish.outcome}{detail}"
        yield Entry(status.finished_at, status.phase, outcome)
    else:
        yield Entry(now, status.phase, _EARLY[status.phase])


def _last_frame(status: Status) -> Iterator[Entry]:
    """Yield which frame ended the pipeline, at that time: the process may have ended much later."""
    if status.finish and status.finish.frame and status.finished_at:
        at = status.conversation_ended_at or _frame_at(status, status.finished_at)
        yield Entry(at, "frame", f"{status.finish.frame} ended the pipeline")


def _frame_at(status: Status, finished_at: datetime) -> datetime:
    """Return when the last frame left the pipeline, where the status has no end of the conversation."""
    drained = status.timings.drained if status.timings else None
    if status.ending_at is None or drained is None:
        return finished_at
    return status.ending_at + timedelta(seconds=drained)


def _steps(before: Status | None, after: Status) -> Iterator[Entry]:
    known_steps = before.ending.steps if before and before.ending else ()
    taken = after.ending.steps if after.ending else ()
    yield from (Entry(each.at, "step", STEPS[each.step]) for each in taken if each not in known_steps)


def _troubles(before: Status | None, after: Status, now: datetime) -> Iterator[Entry]:
    said = {condition.message for condition in before.conditions} if before else set()
    for condition in after.conditions:
        is_new = condition.message and condition.message not in said
        if condition.type is ConditionType.POD_CREATED and condition.status is ConditionStatus.FALSE and is_new:
            yield Entry(now, "trouble", f"{condition.reason}: {condition.message}")


def countdown(status: Status | None, now: datetime) -> str:
    """Return the phase, how long it has lasted, and what ends it next."""
    if status is None or status.phase in FINISHED_PHASES:
        return ""
    if status.ending_at:
        return f"{status.phase} for {format_duration(now - status.ending_at)}"
    if status.started_at and status.deadline:
        since, left = format_duration(now - status.started_at), format_duration(status.deadline - now)
        return f"{status.phase} for {since}; maxSessionDuration ends it in {left}"
    return status.phase


def summary(status: Status) -> Iterator[tuple[str, str]]:
    """Yield the summary of a finished session, as names and values."""
    finish, timings, tasks = status.finish, status.timings, status.dangling_tasks
    if finish is None:
        return
    yield "reason", finish.reason
    yield "outcome", finish.outcome
    if finish.stuck_at:
        yield "stuck at", finish.stuck_at
    if status.duration:
        yield "conversation", status.duration
    if status.stages:
        stages = (f"{stage.name} ({stage.frame}, {_seconds(stage.seconds)})" for stage in status.stages)
        yield "stages before", ", ".join(stages)
    if timings and timings.pipeline_started is not None:
        yield "started in", _seconds(timings.pipeline_started)
    yield from ((label.lower(), value) for label, value in conversation.facts(status))
    if timings and timings.drained is not None:
        yield "drained in", _seconds(timings.drained)
    if status.ending and status.ending.farewell not in (None, Farewell.NOT_CONFIGURED):
        yield "farewell", status.ending.farewell
    if tasks and tasks.count:
        names = f" ({', '.join(tasks.names)})" if tasks.names else ""
        yield "tasks left behind", f"{tasks.count}{names}"
    if status.result is not None:
        yield "result", json.dumps(status.result, ensure_ascii=False)


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


_EARLY = {
    Phase.PENDING: "the session is accepted",
    Phase.STARTING: "the supervisor runs, the bot imports Pipecat",
    Phase.RUNNING: "the pipeline runs",
    Phase.ENDING: "the end is requested",
    Phase.SUCCEEDED: "over",
    Phase.FAILED: "over",
}
STEPS = {
    Step.END_FRAME: "EndFrame queued: the bot finishes what it is saying",
    Step.CANCEL_FRAME: "CancelFrame: the bot falls silent",
    Step.FORCED_CANCEL_FRAME: "CancelFrame straight into the pipeline: an EndFrame is stuck",
    Step.TERMINATE: "SIGTERM to a bot without a pipeline, or to a server whose bot has ended",
    Step.KILL: "SIGKILL to the bot, after a dump of its stacks",
    Step.POD_DELETE: "the pod is deleted: no report came",
    Step.UNKNOWN: "a step of a supervisor of another version",
}
