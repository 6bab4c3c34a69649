"""The moments of a session's life, from its status and its Events, in their order."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from botsession_contract.lifecycle import BOT_CAUSES, Farewell, Phase
from botsession_operator.api.status import ConditionStatus, ConditionType, Status, find_condition
from botsession_operator.cli.render.conversation import format_wait
from botsession_operator.cli.render.session_view import SessionView
from botsession_operator.cli.render.timeline import STEPS, Entry
from botsession_operator.cli.render.times import later, moment
from botsession_operator.core.status.conversation import seconds_to_first_sound

Json = dict[str, Any]
#: The reasons of pod Events that are shown: pulls of images, and problems.
SHOWN_EVENTS: Final = frozenset({"Pulling", "Pulled", "Failed", "BackOff", "FailedScheduling", "FailedMount"})


def history(view: SessionView, events: Sequence[Json]) -> list[Entry]:
    """Return the entries of a session's life so far, by time. At equal times the cause comes before its effect."""
    moments = [*_start(view), *_pod(events), *_call(view), *_ending(view), *_finish(view), *_waiting(view)]
    return sorted(moments, key=lambda entry: entry.at)


def _start(view: SessionView) -> Iterator[Entry]:
    status, timings = view.status, view.status.timings
    yield Entry(view.created_at, Phase.PENDING, "the session is created")
    if timings:
        node = f"the pod is placed on {status.node_name}" if status.node_name else "the pod is placed on a node"
        moments = ((timings.scheduled, node), (timings.pod_started, "the supervisor starts"))
        for seconds, text in (*moments, (timings.bot_imported, "the bot is imported")):
            if at := view.since_creation(seconds):
                yield Entry(at, Phase.STARTING, text)
    if status.started_at:
        yield Entry(status.started_at, Phase.RUNNING, "the pipeline runs")


def _pod(events: Sequence[Json]) -> Iterator[Entry]:
    for event in events:
        is_of_pod = event.get("involvedObject", {}).get("kind") == "Pod"
        if is_of_pod and event.get("reason") in SHOWN_EVENTS and (at := _seen(event)):
            subject = "image" if event["reason"] in ("Pulling", "Pulled") else "trouble"
            often = f" ({event['count']} times)" if event.get("count", 1) > 1 and subject == "trouble" else ""
            yield Entry(at, subject, f"{event.get('message', event['reason'])}{often}")


def _call(view: SessionView) -> Iterator[Entry]:
    status = view.status
    if status.client_connected_at:
        yield Entry(status.client_connected_at, "client", "the first client connects")
    if status.conversation and status.conversation.first_sound_at:
        yield Entry(status.conversation.first_sound_at, "sound", f"the bot makes its first sound{_waited(status)}")
    if status.prompts:
        often = f"; {status.prompts.count} times in all" if status.prompts.count > 1 else ""
        yield Entry(status.prompts.last_at, "prompt", f"the bot asks a quiet caller{often}")
    if status.client_disconnected_at:
        yield Entry(status.client_disconnected_at, "client", "the last client leaves")


def _waited(status: Status) -> str:
    seconds = seconds_to_first_sound(status)
    return "" if seconds is None else f", {format_wait(seconds)} after the client connected"


def _ending(view: SessionView) -> Iterator[Entry]:
    ending = view.status.ending
    if ending is None:
        return
    who = f", {ending.message}" if ending.message else ""
    is_bots = ending.cause in BOT_CAUSES
    how = f"the bot ends it: {ending.cause}" if is_bots else f"{ending.mode} end requested: {ending.cause}{who}"
    yield Entry(ending.requested_at, Phase.ENDING, how)
    yield from (Entry(taken.at, "step", STEPS[taken.step]) for taken in ending.steps)
    drained = view.status.timings.drained if view.status.timings else None
    frame = view.status.finish.frame if view.status.finish else None
    if drained is not None and frame and (at := later(ending.requested_at, drained)):
        yield Entry(at, "frame", f"{frame} reached the end of the pipeline")


def _finish(view: SessionView) -> Iterator[Entry]:
    status, finish = view.status, view.status.finish
    if finish is None or status.finished_at is None:
        return
    at, tasks = status.finished_at, status.dangling_tasks
    if status.ending and status.ending.farewell not in (None, Farewell.NOT_CONFIGURED):
        yield Entry(at, "farewell", str(status.ending.farewell))
    if finish.stuck_at:
        yield Entry(at, "trouble", f"it was stuck at {finish.stuck_at}")
    if tasks and tasks.count:
        names = f": {', '.join(tasks.names)}" if tasks.names else ""
        yield Entry(at, "tasks", f"{tasks.count} left behind{names}")
    detail = f": {finish.message}" if finish.message else ""
    yield Entry(at, status.phase, f"{finish.reason} / {finish.outcome}{detail}")


def _waiting(view: SessionView) -> Iterator[Entry]:
    """Yield what a session that has not started waits for."""
    if view.status.finish:
        return
    for kind in (ConditionType.POD_CREATED, ConditionType.STARTED):
        unmet = find_condition(view.status, kind, ConditionStatus.FALSE)
        if unmet:
            yield Entry(unmet.last_transition_time, "waiting", f"{unmet.reason}: {unmet.message}")


def _seen(event: Json) -> datetime | None:
    """Return when an Event was first seen; the field for that depends on the Event's API version."""
    return moment(event.get("firstTimestamp") or event.get("eventTime") or event.get("lastTimestamp"))
