"""Describe in one paragraph why and how a session ended, and what to do next.

Each reason and each outcome has its own sentences, which a test checks; there is no default.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from botsession_contract.lifecycle import BOT_CAUSES, ERROR_REASONS, Farewell, Mode, Outcome, Phase, Reason, Step
from botsession_operator.api.duration import format_duration, parse_duration
from botsession_operator.api.status import (
    ConditionStatus,
    ConditionType,
    EndingStatus,
    Finish,
    awaits_caller,
    find_condition,
)
from botsession_operator.cli.render.conversation import heard_by_caller
from botsession_operator.cli.render.hints import EXIT_CODES, NEXT_STEPS, NEXT_STEPS_BY_OUTCOME, OTHER_EXIT_CODES
from botsession_operator.cli.render.session_view import Json, SessionView

#: How many names of tasks are shown.
MAX_NAMES: Final = 5
#: A shorter drain is described as immediate.
NOTICEABLE_SECONDS: Final = 0.1


def why(view: SessionView, now: datetime) -> str:
    """Return why a session ended; for one that has not, where it stands and what will end it."""
    finish = view.status.finish
    sentences = _over(view, finish) if finish else _alive(view, now)
    return " ".join(sentences)


def _over(view: SessionView, finish: Finish) -> Iterator[str]:
    yield f"{view.name} {_because(finish.reason, view)}."
    is_only_badly_down = view.status.phase is Phase.FAILED and finish.reason not in ERROR_REASONS
    yield f"{_how(finish, view)}{', which makes it Failed' if is_only_badly_down else ''}."
    yield from heard_by_caller(view.status)
    if farewell := _farewell(view):
        yield farewell
    if finish.message:
        yield f"The report says: {finish.message.rstrip('.')}."
    if tasks := _tasks(view):
        yield tasks
    if view.status.result is not None:
        yield "The bot handed over a result, which `botsession describe` shows."
    yield _next(finish, view)
    if view.status.phase is Phase.FAILED and finish.outcome is not Outcome.NEVER_STARTED:
        yield _log(view)


def _because(reason: Reason, view: SessionView) -> str:
    spec, ending = view.spec, view.status.ending
    match reason:
        case Reason.END_REQUESTED if ending and ending.message:
            return f"ended because it was asked to: {ending.message}"
        case Reason.CLIENT_DISCONNECTED if view.status.started_at is None:
            return "ended because the last client left while its pipeline was still starting"
        case Reason.IDLE_TIMEOUT if "idleTimeout" in spec:
            return f"ended because it had been quiet for its idleTimeout of {spec['idleTimeout']}"
        case Reason.OUT_OF_MEMORY:
            limit = spec["bot"].get("resources", {}).get("limits", {}).get("memory")
            bound = f"its memory limit of {limit}" if limit else "its node could give; it has no limit of its own"
            return f"failed because it used more memory than {bound}"
        case Reason.START_TIMEOUT if view.status.started_at:
            return f"failed because its pipeline started only after its startTimeout of {spec['startTimeout']}"
    return _BECAUSE[reason].format(
        image=spec["bot"]["image"],
        join=spec.get("joinTimeout"),
        sound=spec.get("firstSoundTimeout"),
        longest=spec.get("maxSessionDuration"),
        start=spec.get("startTimeout"),
        node=view.status.node_name or "its node",
    )


def _how(finish: Finish, view: SessionView) -> str:
    ending = view.status.ending
    match finish.outcome:
        case Outcome.DRAINED if finish.reason is Reason.NO_CLIENT:
            return "It was drained, and no client was there to hear the bot"
        case Outcome.DRAINED:
            return f"It was drained: the bot said everything that it had queued{_drained(view)}"
        case Outcome.CANCELLED:
            return _cancelled(finish, ending)
        case Outcome.FORCED:
            stuck = f" in {finish.stuck_at}" if finish.stuck_at else ""
            return f"Its EndFrame got stuck{stuck}, and a CancelFrame put straight into the pipeline ended it"
        case Outcome.KILLED:
            return _killed(finish, ending)
        case Outcome.LOST:
            gone = "It" if finish.reason in (Reason.BOT_EXITED, Reason.UNKNOWN) else "Its process disappeared and"
            return f"{gone} left no report of how it ended{_exit_code(finish)}"
        case Outcome.UNWATCHED:
            return f"Its hook could not reach the supervisor to report how its pipeline ended{_exit_code(finish)}"
        case Outcome.NEVER_STARTED:
            return "Its pipeline never started, so no caller heard the bot"
        case Outcome.UNKNOWN:
            return "Its supervisor is of another version, and reported an outcome that the operator does not know"


def _drained(view: SessionView) -> str:
    timings = view.status.timings
    ending = view.status.ending
    if ending is None or ending.cause in BOT_CAUSES or timings is None or timings.drained is None:
        return ""
    if timings.drained < NOTICEABLE_SECONDS:
        return ", and ended as soon as it was asked to"
    return f", and ended {timings.drained:.1f} s after it was asked to"


def _cancelled(finish: Finish, ending: EndingStatus | None) -> str:
    if finish.reason in (Reason.BOT_CANCELLED, Reason.CLIENT_DISCONNECTED):
        return "The bot cancelled its pipeline, so it fell silent at once"
    if ending and ending.mode is Mode.IMMEDIATE:
        return "A CancelFrame ended its pipeline, as it does in mode Immediate, so the bot fell silent at once"
    return "A CancelFrame ended its pipeline, so the bot fell silent at once"


def _killed(finish: Finish, ending: EndingStatus | None) -> str:
    if finish.reason is Reason.OUT_OF_MEMORY:
        return "The kernel killed it mid-call, so no caller heard a goodbye"
    if ending and any(taken.step is Step.POD_DELETE for taken in ending.steps):
        return "No report came in time, so the operator deleted its pod"
    stuck = f": it was stuck at {finish.stuck_at}" if finish.stuck_at else ""
    return f"No frame ended it, so the supervisor killed its process{stuck}"


def _exit_code(finish: Finish) -> str:
    if finish.exit_code is None:
        return ""
    return f", with exit code {finish.exit_code}: {EXIT_CODES.get(finish.exit_code, OTHER_EXIT_CODES)}"


def _farewell(view: SessionView) -> str | None:
    ending = view.status.ending
    return _FAREWELLS[ending.farewell] if ending and ending.farewell else None


def _tasks(view: SessionView) -> str | None:
    tasks = view.status.dangling_tasks
    if not tasks or not tasks.count:
        return None
    names = f" ({', '.join(tasks.names[:MAX_NAMES])})" if tasks.names else ""
    many = "1 asyncio task was" if tasks.count == 1 else f"{tasks.count} asyncio tasks were"
    return f"{many} still alive at the end{names}: the bot should cancel what it starts."


def _next(finish: Finish, view: SessionView) -> str:
    """Return what to do next: about a bad outcome, unless the reason explains it too; else about the reason."""
    if finish.outcome in NEXT_STEPS_BY_OUTCOME and finish.reason not in ERROR_REASONS:
        return NEXT_STEPS_BY_OUTCOME[finish.outcome].format(name=view.name)
    return NEXT_STEPS[finish.reason].format(name=view.name)


def _log(view: SessionView) -> str:
    if view.spec.get("podRetention") in ("OnFailure", "Always"):
        return f"Its log is kept: botsession logs {view.name}."
    return "Its log was deleted with its pod; podRetention: OnFailure keeps the pods of failed sessions."


def _alive(view: SessionView, now: datetime) -> Iterator[str]:
    status = view.status
    yield f"{view.name} has not ended."
    match status.phase:
        case Phase.RUNNING:
            yield "Its pipeline runs" + (", and a client has connected." if status.client_connected_at else ".")
            yield from heard_by_caller(status)
            if status.deadline:
                yield f"maxSessionDuration ends it in {format_duration(status.deadline - now)} at the latest."
        case Phase.ENDING if status.ending:
            since = format_duration(now - status.ending.requested_at)
            if status.ending.cause in BOT_CAUSES:
                yield f"Its bot began to end it {since} ago: {status.ending.cause}."
            else:
                yield f"It was asked to end {since} ago: {status.ending.cause}, {status.ending.mode}."
            if status.ending.step:
                yield f"The last step was {status.ending.step}. Each step has a time limit, so the session will end."
        case _ if awaits_caller(status):
            yield f"Its bot waits for its caller{f' at {status.url}' if status.url else ''}."
            yield f"{_caller_timeout(view.spec)} ends it if no caller connects."
        case _:
            limit = view.spec.get("startTimeout")
            yield f"Its pipeline has not started; its startTimeout of {limit} ends it if it does not."
            yield from _unmet(view)


def _caller_timeout(spec: Json) -> str:
    """Return the time-out for the caller: joinTimeout, or startTimeout where joinTimeout is off."""
    name = "joinTimeout" if parse_duration(spec["joinTimeout"]) else "startTimeout"
    return f"Its {name} of {spec[name]}"


def _unmet(view: SessionView) -> Iterator[str]:
    for kind in (ConditionType.POD_CREATED, ConditionType.STARTED):
        unmet = find_condition(view.status, kind, ConditionStatus.FALSE)
        if unmet:
            yield f"It waits for this: {unmet.reason}: {unmet.message.rstrip('.')}."


_BECAUSE: Final[dict[Reason, str]] = {
    Reason.COMPLETED: "ended because its bot ended itself",
    Reason.BOT_CANCELLED: "ended because its bot cancelled itself; no client had left before",
    Reason.CLIENT_DISCONNECTED: "ended because the last client left, and its bot then ended itself",
    Reason.IDLE_TIMEOUT: "ended because it had been quiet for its bot's own idle timeout (the spec has no idleTimeout)",
    Reason.NO_CLIENT: "ended because no client connected within its joinTimeout of {join}",
    Reason.MAX_DURATION: "ended because its maxSessionDuration of {longest} had passed",
    Reason.END_REQUESTED: "ended because spec.end was set, as `botsession end` does",
    Reason.DELETED: "ended because the BotSession was deleted, by itself or with its namespace",
    Reason.EVICTED: (
        "ended because its pod got a SIGTERM: its node was drained, or the pod was evicted, preempted or deleted"
    ),
    Reason.START_TIMEOUT: "failed because its pipeline did not start within its startTimeout of {start}",
    Reason.NO_SOUND: (
        "failed because a client was connected, and its bot made no sound within its firstSoundTimeout of {sound}"
    ),
    Reason.BOT_ERROR: "failed because of an error in its bot",
    Reason.BOT_EXITED: "failed because its bot's process exited before its pipeline had finished",
    Reason.IMAGE_PULL: "failed because its image {image} could not be pulled within its startTimeout of {start}",
    Reason.UNSCHEDULABLE: "failed because no node accepted its pod within its startTimeout of {start}",
    Reason.POD_REJECTED: "failed because the API server, a quota or the node's kubelet refused its pod",
    Reason.NODE_LOST: "failed because {node}, and its pod with it, is gone",
    Reason.UNKNOWN: "failed, and the reason is not known: its pod was removed together with its report",
}
_FAREWELLS: Final[dict[Farewell, str | None]] = {
    Farewell.SPOKEN: "The farewell was spoken to the end.",
    Farewell.SYNTHESIZED: "A TTS made sound of the farewell, but no transport was seen to play it.",
    Farewell.CUT_SHORT: "The farewell was cut short; a longer gracePeriod may help.",
    Farewell.INTERRUPTED: "The caller interrupted the farewell.",
    Farewell.NO_SOUND: "The farewell was queued, and no TTS made sound of it: its provider may have failed.",
    Farewell.NO_CLIENT: "The bot did not say the farewell, because no client was connected.",
    Farewell.CLIENT_GONE: "The client left before the farewell was over.",
    Farewell.NO_TTS: "The bot could not say the farewell, because its pipeline has no TTS service.",
    Farewell.ALREADY_ENDING: "The bot did not say the farewell, because it was already ending itself.",
    Farewell.IMMEDIATE: "The bot did not say the farewell, because the session was asked to end at once.",
    Farewell.NOT_STARTED: None,  # another sentence says that the pipeline never started
    Farewell.NOT_CONFIGURED: None,
    Farewell.UNKNOWN: "No report says whether the caller heard the farewell.",
}
