"""Rule: which step of the shutdown ladder is next, and when. Pure, so that every way down can be tested in a table.

    Graceful:   EndFrame -> gracePeriod -> ForcedCancelFrame -> cancelPeriod -> Kill
    Immediate:  CancelFrame (past an EndFrame in flight: ForcedCancelFrame) -> cancelPeriod -> Kill
    Before the pipeline started:  Terminate -> at most TERMINATE_SECONDS -> Kill
    Unwatched:  Terminate -> gracePeriod and cancelPeriod, Immediate: cancelPeriod -> Kill
    A server that its bot has left:  SERVER_SECONDS -> Terminate -> the rest of the ladder -> Kill
    A process whose child is gone with the pipeline:  gracePeriod for another child -> Terminate -> TERMINATE_SECONDS
                -> Kill; as a server where the session is to end, for which no other child comes

A pipeline that has finished needs no more frames, but its process may hang still; it is killed when the ladder would
have ended.

Where the bot ends itself, its own frame is the first step, and no other is queued. Its gracePeriod counts from the last
progress, since a goodbye may play for long, and once more when the pipeline has finished: for what the bot has to do,
or for its next pipeline to be set up. Helpers that still run then are cancelled, and have cancelPeriod:

    Bot:        EndFrame -> gracePeriod without progress -> ForcedCancelFrame -> cancelPeriod -> Kill
                CancelFrame -> cancelPeriod -> Kill
                finished -> gracePeriod -> (CancelFrame to helpers -> cancelPeriod ->) Kill
"""

from typing import Final

from botsession_contract.lifecycle import Mode, Step
from botsession_runtime import pipelines
from botsession_runtime.pipelines import Finish
from botsession_runtime.session_state import Request, Rung, SessionState

#: How long a bot without a pipeline, or one that has crashed, may take to exit, in seconds: no caller waits for it.
TERMINATE_SECONDS: Final = 5.0
#: How long a server may go on by itself when its bot is over, in seconds. After SIGTERM it has more time.
SERVER_SECONDS: Final = 2.0


def next_rung(state: SessionState, own_grace_seconds: float) -> Rung | None:
    """Return the next step and when it is due; None while there is nothing to do.

    `own_grace_seconds` is the time to exit for a bot that crashed, or left its server, without an end of its own.
    """
    if state.exit or state.rung(Step.KILL):
        return None
    if state.serving_at is not None:
        return _rung_of_server(state, state.serving_at, own_grace_seconds)
    if state.lost_at is None:
        return _rung_of_program(state, own_grace_seconds)
    if state.may_continue:
        return _rung_of_parent(state, state.lost_at, own_grace_seconds)
    return _rung_of_server(state, state.lost_at, own_grace_seconds)


def _rung_of_server(state: SessionState, over_at: float, own_grace_seconds: float) -> Rung:
    last = _last_of_server(state, over_at, own_grace_seconds)
    if state.rung(Step.TERMINATE):
        return last
    return Rung(Step.TERMINATE, min(over_at + SERVER_SECONDS, last.at))


def _rung_of_parent(state: SessionState, lost_at: float, own_grace_seconds: float) -> Rung:
    """Return the step for a process whose child is gone. It has as long to start another child as for a pipeline."""
    if terminated := state.rung(Step.TERMINATE):
        return Rung(Step.KILL, terminated.at + TERMINATE_SECONDS)
    return Rung(Step.TERMINATE, _waits_until(state, lost_at, own_grace_seconds))


def _waits_until(state: SessionState, lost_at: float, own_grace_seconds: float) -> float:
    waits_until = lost_at + (state.request.grace_seconds if state.request else own_grace_seconds)
    # A parent that has crashed itself begins nothing more.
    return waits_until if state.crashed_at is None else min(waits_until, state.crashed_at + SERVER_SECONDS)


def _last_of_server(state: SessionState, over_at: float, own_grace_seconds: float) -> Rung:
    """Return when a server is killed that a SIGTERM does not end: its bot is over, but it may have work to finish."""
    own = (state.finish.at if state.finish else over_at) + own_grace_seconds
    at = end_of_ladder(state, state.request) if state.request else own
    return Rung(Step.KILL, at if state.crashed_at is None else min(at, state.crashed_at + TERMINATE_SECONDS))


def _rung_of_program(state: SessionState, own_grace_seconds: float) -> Rung | None:
    request = state.request
    if request is None:
        return _without_request(state, own_grace_seconds)
    if request.is_by_bot:
        return _rung_of_bots_end(state, request)
    terminated = state.rung(Step.TERMINATE)
    if state.unwatched:
        # No frame reaches an unwatched bot. One that handles SIGTERM may need both periods for its goodbye.
        return Rung(Step.KILL, end_of_ladder(state, request)) if terminated else Rung(Step.TERMINATE, request.at)
    if terminated:
        return Rung(Step.KILL, terminated.at + min(request.cancel_seconds, TERMINATE_SECONDS))
    if state.finish:
        return Rung(Step.KILL, end_of_ladder(state, request))
    if state.started_at is None:
        return Rung(Step.TERMINATE, request.at)
    return _rung_with_pipeline(state, request)


def _without_request(state: SessionState, own_grace_seconds: float) -> Rung | None:
    """Return when a bot that is over is killed. One that crashed has no goodbye to finish, so it has less time."""
    if state.finish:
        return Rung(Step.KILL, state.finish.at + own_grace_seconds)
    if state.crashed_at is not None:
        return Rung(Step.KILL, state.crashed_at + min(own_grace_seconds, TERMINATE_SECONDS))
    return None


def _rung_of_bots_end(state: SessionState, request: Request) -> Rung:
    if state.crashed_at is not None and state.finish is None:
        return Rung(Step.KILL, state.crashed_at + min(request.grace_seconds, TERMINATE_SECONDS))
    finish = finish_of(state)
    if finish is None:
        return _rung_with_pipeline(state, request)
    exit_due_at = _exit_due_at(state, finish, request)
    if (cancelled := _helpers_cancel_rung(state, finish)) is not None:
        return Rung(Step.KILL, cancelled.at + request.cancel_seconds)
    return Rung(Step.CANCEL_FRAME if has_helpers(state) else Step.KILL, exit_due_at)


def finish_of(state: SessionState) -> Finish | None:
    """Return the end of the conversation, also if the bot's own handler of the finish blocks its report."""
    return state.finish or pipelines.finish_of(state.pipelines)


def has_helpers(state: SessionState) -> bool:
    """Return whether workers run on that are no longer part of a conversation."""
    return state.has_bare_helpers or any(each.is_live for each in pipelines.settled(state.pipelines))


def _exit_due_at(state: SessionState, finish: Finish, request: Request) -> float:
    """Return until when a bot whose pipeline has finished may take to leave, or to start its next one."""
    exit_due_at = max(finish.at, state.set_up_at or 0.0) + request.grace_seconds
    forced = state.rung(Step.FORCED_CANCEL_FRAME)
    return max(exit_due_at, forced.at + request.cancel_seconds) if forced and finish.is_ours else exit_due_at


def next_pipeline_until(state: SessionState, own_grace_seconds: float) -> float | None:
    """Return until when a bot may start another pipeline; None while nothing waits for that.

    It may when its pipeline has finished, or is gone with its process.
    """
    if state.exit or not state.may_continue:
        return None
    if state.lost_at is not None:
        return None if state.was_sent_sigterm else _waits_until(state, state.lost_at, own_grace_seconds)
    if state.finish is None or state.request is None:
        return None
    return _exit_due_at(state, state.finish, state.request)


def _helpers_cancel_rung(state: SessionState, finish: Finish) -> Rung | None:
    cancels = (Step.CANCEL_FRAME, Step.FORCED_CANCEL_FRAME)
    return next((rung for rung in state.rungs if rung.step in cancels and rung.at > finish.at), None)


def _rung_with_pipeline(state: SessionState, request: Request) -> Rung:
    cancelled = cancel_rung(state)
    if cancelled:
        return Rung(Step.KILL, cancelled.at + request.cancel_seconds)
    if request.mode is Mode.IMMEDIATE:
        step = Step.FORCED_CANCEL_FRAME if state.has_end_in_flight else Step.CANCEL_FRAME
        return Rung(step, request.at if request.raised_at is None else request.raised_at)
    if state.rung(Step.END_FRAME) is None:
        return Rung(Step.END_FRAME, request.at)
    return Rung(Step.FORCED_CANCEL_FRAME, grace_began_at(state, request) + request.grace_seconds)


def end_of_ladder(state: SessionState, request: Request) -> float:
    """Return when the bot is killed if nothing else happens."""
    if request.is_by_bot and (finish := finish_of(state)):
        cancelled = _helpers_cancel_rung(state, finish)
        if cancelled:
            return cancelled.at + request.cancel_seconds
        helping = request.cancel_seconds if has_helpers(state) else 0.0
        return _exit_due_at(state, finish, request) + helping
    cancelled = cancel_rung(state)
    if cancelled:
        return cancelled.at + request.cancel_seconds
    if request.mode is Mode.IMMEDIATE:
        return (request.at if request.raised_at is None else request.raised_at) + request.cancel_seconds
    return grace_began_at(state, request) + request.grace_seconds + request.cancel_seconds


def grace_began_at(state: SessionState, request: Request) -> float:
    """Return when the grace period began: with the EndFrame, once there is one.

    The bot's own counts from the last progress. A request that came after the bot's own frame counts from itself.
    """
    asked = state.rung(Step.END_FRAME)
    began = max(asked.at, request.at) if asked else request.at
    return max(began, state.progress_at or began) if request.is_by_bot else began


def cancel_rung(state: SessionState) -> Rung | None:
    """Return the rung at which the pipeline was cancelled, either way."""
    return state.rung(Step.FORCED_CANCEL_FRAME) or state.rung(Step.CANCEL_FRAME)
