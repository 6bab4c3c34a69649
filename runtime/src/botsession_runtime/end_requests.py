"""Rule: what a request to end amounts to, and how it is fitted into a SIGTERM's grace. Pure."""

import signal
from dataclasses import replace
from typing import Final

from botsession_contract.control import EndRequest
from botsession_contract.launch import Launch
from botsession_contract.lifecycle import Cause, Mode, Step
from botsession_contract.shutdown import Shutdown
from botsession_runtime import ladder
from botsession_runtime.pipelines import OwnEnd
from botsession_runtime.session_state import CANCEL_FRAME, Request, Rung, SessionState

#: What a SIGTERM's grace must leave for the stack dump, the SIGKILL and the report, in seconds.
REPORT_SECONDS: Final = 2.0


def complete(asked: EndRequest, shutdown: Shutdown, now: float) -> Request:
    """Return a request in which the launch's values replace what is left out."""
    grace, cancel = asked.grace_period_seconds, asked.cancel_period_seconds
    return Request(
        cause=asked.cause,
        mode=asked.mode,
        at=now,
        grace_seconds=shutdown.grace_period_seconds if grace is None else grace,
        cancel_seconds=shutdown.cancel_period_seconds if cancel is None else cancel,
        farewell=shutdown.farewell if asked.farewell is None else asked.farewell,
    )


def with_bots_own_end(state: SessionState, launch: Launch) -> SessionState:
    """Return the state with the ladder that the bot's own end begins, unless an end was requested before.

    Its first step is the bot's own frame. Before the pipeline has started, nothing can delay that end.
    """
    own = _own_end(state)
    if state.request or state.started_at is None or own is None:
        return state
    is_cancel = own.frame == CANCEL_FRAME
    cause = Cause.BOT_CANCELLED if is_cancel and state.runner_end is None else Cause.BOT_ENDED
    shutdown = launch.shutdown_for(cause)
    request = Request(
        cause,
        Mode.IMMEDIATE if is_cancel else Mode.GRACEFUL,
        own.at,
        shutdown.grace_period_seconds,
        shutdown.cancel_period_seconds,
    )
    return replace(state, request=request, rungs=(Rung(Step.CANCEL_FRAME if is_cancel else Step.END_FRAME, own.at),))


def _own_end(state: SessionState) -> OwnEnd | None:
    if state.own_end or state.finish is None or state.finish.is_ours:
        return state.own_end
    return OwnEnd(state.finish.frame, state.finish.reason, state.finish.at)


def take_over(state: SessionState, current: Request, asked: Request) -> Request:
    """Return a request that comes while the bot ends itself. It can only shorten the end that is under way.

    From then on progress no longer extends a period: what was left of it counts, or the requested one if shorter.
    """
    now, cancelled = asked.at, ladder.cancel_rung(state)
    mode = Mode.IMMEDIATE if Mode.IMMEDIATE in (current.mode, asked.mode) else Mode.GRACEFUL
    if ladder.finish_of(state):
        requested_seconds = asked.cancel_seconds + (asked.grace_seconds if asked.mode is Mode.GRACEFUL else 0.0)
        left = max(min(ladder.end_of_ladder(state, current) - now, requested_seconds), 0.0)
        if cancelled:  # the kill, the only step that is left, counts from it
            return replace(asked, mode=mode, cancel_seconds=now + left - cancelled.at)
        is_graceful = mode is Mode.GRACEFUL
        grace, cancel = (left, 0.0) if is_graceful else (0.0, left)
        return replace(asked, mode=mode, grace_seconds=grace, cancel_seconds=cancel)
    if cancelled:
        spent = now - cancelled.at
        cancel = min(current.cancel_seconds, spent + asked.cancel_seconds)
        return replace(asked, mode=mode, cancel_seconds=cancel)
    left = max(ladder.grace_began_at(state, current) + current.grace_seconds - now, 0.0)
    return replace(
        asked,
        mode=mode,
        grace_seconds=min(left, asked.grace_seconds),
        cancel_seconds=min(current.cancel_seconds, asked.cancel_seconds),
    )


def raise_to_immediate(current: Request, asked: EndRequest, now: float) -> Request:
    """Return the request raised from Graceful to Immediate. The first cause stays: it is why the session ends."""
    cancel = asked.cancel_period_seconds
    return replace(
        current,
        mode=Mode.IMMEDIATE,
        raised_at=now,
        cancel_seconds=current.cancel_seconds if cancel is None else cancel,
    )


def shorten(current: Request, asked: EndRequest, state: SessionState, now: float) -> Request:
    """Return the request with the rest of the ladder fitted into a repeated request's periods, never extended."""
    if asked.grace_period_seconds is None or asked.cancel_period_seconds is None:
        return current
    return squeeze(current, state, now, asked.grace_period_seconds + asked.cancel_period_seconds)


def squeeze(request: Request, state: SessionState, now: float, budget_seconds: float) -> Request:
    """Return the request with the rest of the ladder shortened in proportion, to end within the budget from now."""
    left = max(ladder.end_of_ladder(state, request) - now, 0.0)
    if left <= budget_seconds:
        return request
    share = budget_seconds / left
    cancelled = ladder.cancel_rung(state)
    if cancelled:
        return replace(request, cancel_seconds=now - cancelled.at + left * share)
    if request.mode is Mode.IMMEDIATE:
        return replace(request, cancel_seconds=request.cancel_seconds * share)
    spent = now - ladder.grace_began_at(state, request)
    grace = spent + (request.grace_seconds - spent) * share
    return replace(request, grace_seconds=grace, cancel_seconds=request.cancel_seconds * share)


def without_kill(state: SessionState) -> SessionState:
    """Return the state of a bot that exited while its stacks were read, without the kill that came too late."""
    if state.exit is None or state.exit.code == -signal.SIGKILL:
        return state
    return replace(state, rungs=tuple(rung for rung in state.rungs if rung.step is not Step.KILL))


def sigterm_budget(termination_grace_seconds: float) -> float:
    """Return how long the ladder may take from a SIGTERM on; at least half of a very short grace period."""
    return max(termination_grace_seconds - REPORT_SECONDS, termination_grace_seconds / 2)
