"""Rule: what is reported of a session that is over. Pure: state in, exit report out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from botsession_contract.lifecycle import Farewell, Mode, Outcome, Step
from botsession_contract.report import Ending, ExitReport, Prompts, Stage, StepTaken, Timings
from botsession_runtime import conversation, pipelines
from botsession_runtime.end_reason import outcome_of, reason_of, shell_code
from botsession_runtime.report_message import message_of
from botsession_runtime.session_state import CANCEL_FRAME, END_FRAMES, SessionState, Speech

#: Turns a monotonic time into a wall-clock time.
Wall = Callable[[float], datetime]

#: Progress after which the fate of the farewell is known before the pipeline ends.
_SETTLED_FAREWELLS: Final[dict[Speech | Farewell | None, Farewell]] = {
    Speech.SPOKEN: Farewell.SPOKEN,
    Speech.INTERRUPTED: Farewell.INTERRUPTED,
    Speech.SILENT: Farewell.NO_SOUND,
    Farewell.NO_CLIENT: Farewell.NO_CLIENT,
    Farewell.CLIENT_GONE: Farewell.CLIENT_GONE,
    Farewell.NO_TTS: Farewell.NO_TTS,
    Farewell.ALREADY_ENDING: Farewell.ALREADY_ENDING,
}
#: The fate of the farewell once the EndFrame that was queued behind it has come out of the pipeline.
_DRAINED_FAREWELLS: Final[dict[Speech | Farewell | None, Farewell]] = {
    Speech.SPEAKING: Farewell.SPOKEN,
    Speech.VOICED: Farewell.SYNTHESIZED,
}


def build_report(state: SessionState, wall: Wall, now: float) -> ExitReport:
    """Return why and how the session ended."""
    return ExitReport(
        reason=reason_of(state),
        outcome=outcome_of(state),
        finished_at=wall(now),
        frame=state.finish.frame if state.finish else None,
        message=message_of(state),
        exit_code=shell_code(state.exit.code) if state.exit else None,
        stuck_at=stuck_at(state),
        dangling_tasks=state.dangling,
        timings=timings_of(state),
        started_at=wall_time(state.started_at, wall),
        client_connected_at=wall_time(state.client_at, wall),
        ending=_final_ending(state, wall),
        client_disconnected_at=wall_time(state.left_at, wall),
        result=state.result.value,
        prompts=_prompts(state, wall),
        conversation=conversation.to_contract(state.conversation, wall),
        conversation_ended_at=wall_time(state.finish.at, wall) if state.finish else None,
        stages=tuple(map(_stage, state.stages)) or None,
    )


def _stage(stage: pipelines.Stage) -> Stage:
    return Stage(stage.name, stage.frame, round(max(stage.finished_at - stage.started_at, 0.0), 3), stage.reason)


def _prompts(state: SessionState, wall: Wall) -> Prompts | None:
    return None if state.last_prompted_at is None else Prompts(state.prompts, wall(state.last_prompted_at))


def stuck_at(state: SessionState) -> str | None:
    """Return what kept the bot from ending: a blocked line, or else the processor that holds the frame."""
    if state.blocked_at:
        return state.blocked_at
    outcome = outcome_of(state)
    if outcome in (Outcome.FORCED, Outcome.KILLED):
        return state.end_held_by or state.cancel_held_by
    return state.cancel_held_by if state.timed_out == CANCEL_FRAME else None


def timings_of(state: SessionState) -> Timings:
    """Return the times from the supervisor's start, and from the request to end."""
    asked = state.request.at if state.request else None
    drained = state.finish.at if state.finish else None
    return Timings(
        bot_imported=_since(state.began, state.imported_at),
        pipeline_started=_since(state.began, state.started_at),
        drained=_since(asked, drained),
        listening=_since(state.began, state.listening_at),
    )


def _since(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(end - start, 0.0), 3)


def ending_of(state: SessionState, wall: Wall) -> Ending | None:
    """Return how the session was asked to end, or the bot began to end it by itself."""
    request = state.request
    if request is None:
        return None
    steps = tuple(StepTaken(rung.step, wall(rung.at)) for rung in state.rungs)
    return Ending(request.cause, Mode(request.mode), wall(request.at), steps)


def _final_ending(state: SessionState, wall: Wall) -> Ending | None:
    ending = ending_of(state, wall)
    return replace(ending, farewell=farewell_of(state)) if ending else None


def farewell_of(state: SessionState) -> Farewell | None:
    """Return what became of the farewell; None if the bot ended by itself."""
    request = state.request
    if request is None or request.is_by_bot:
        return None
    if not request.farewell:
        return Farewell.NOT_CONFIGURED
    if state.own_end and state.own_end.at <= request.at:
        return Farewell.ALREADY_ENDING
    if state.farewell in _SETTLED_FAREWELLS:
        return _SETTLED_FAREWELLS[state.farewell]
    if state.rung(Step.END_FRAME) is None:
        return _farewell_never_queued(state)
    if state.finish and state.finish.is_ours and state.finish.frame in END_FRAMES:
        return _DRAINED_FAREWELLS.get(state.farewell, Farewell.NO_SOUND)
    return Farewell.CUT_SHORT


def _farewell_never_queued(state: SessionState) -> Farewell:
    # A pipeline that starts while SIGTERM is on its way has started too late.
    if state.started_at is None or (state.rung(Step.TERMINATE) and state.serving_at is None):
        return Farewell.NOT_STARTED
    return Farewell.ALREADY_ENDING if state.finish and not state.finish.is_ours else Farewell.IMMEDIATE


def wall_time(moment: float | None, wall: Wall) -> datetime | None:
    """Return a monotonic time as a wall-clock time; None for None."""
    return None if moment is None else wall(moment)
