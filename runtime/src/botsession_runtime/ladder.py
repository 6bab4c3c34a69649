"""Rule: which step of the shutdown ladder is next, and when. Pure, so that every way down can be tested in a table.

    Graceful:   EndFrame -> gracePeriod -> ForcedCancelFrame -> cancelPeriod -> Kill
    Immediate:  CancelFrame (past an EndFrame in flight: ForcedCancelFrame) -> cancelPeriod -> Kill
    Before the pipeline started:  Terminate -> at most TERMINATE_SECONDS -> Kill
    Unwatched:  Terminate -> gracePeriod and cancelPeriod, Immediate: cancelPeriod -> Kill
    A server that its bot has left, or a process whose child with the pipeline is gone:
                SERVER_SECONDS -> Terminate -> the rest of the ladder -> Kill

A pipeline that has finished needs no more frames, but its process may hang still; it is killed when the ladder would
have ended.
"""

from typing import Final

from botsession_contract.lifecycle import Mode, Step
from botsession_runtime.facts import Facts, Request, Rung

#: How long a bot that has no pipeline, or has crashed, may take to leave, in seconds: nobody is being spoken to.
TERMINATE_SECONDS: Final = 5.0
#: How long a server has for what it does by itself when a bot is over, in seconds. More it has after the SIGTERM.
SERVER_SECONDS: Final = 2.0


def next_rung(facts: Facts, own_grace_seconds: float) -> Rung | None:
    """Give the next step and when it is due; None while there is nothing to do.

    `own_grace_seconds` is what a bot that ended its pipeline itself gets to leave.
    """
    if facts.exit or facts.rung(Step.KILL):
        return None
    over_at = facts.lost_at if facts.serving_at is None else facts.serving_at
    if over_at is None:
        return _of_program(facts, own_grace_seconds)
    last = _last_of_server(facts, over_at, own_grace_seconds)
    if facts.rung(Step.TERMINATE):
        return last
    return Rung(Step.TERMINATE, min(over_at + SERVER_SECONDS, last.at))


def _last_of_server(facts: Facts, over_at: float, own_grace_seconds: float) -> Rung:
    """Give when a server is killed that a SIGTERM does not end: its bot is over, but it may have work to finish."""
    own = (facts.finish.at if facts.finish else over_at) + own_grace_seconds
    at = end_of_ladder(facts, facts.request) if facts.request else own
    return Rung(Step.KILL, at if facts.crashed_at is None else min(at, facts.crashed_at + TERMINATE_SECONDS))


def _of_program(facts: Facts, own_grace_seconds: float) -> Rung | None:
    request = facts.request
    if request is None:
        return _without_request(facts, own_grace_seconds)
    terminated = facts.rung(Step.TERMINATE)
    if facts.unwatched:
        # No frame reaches it; a bot that handles SIGTERM may need all that time for its goodbye.
        return Rung(Step.KILL, end_of_ladder(facts, request)) if terminated else Rung(Step.TERMINATE, request.at)
    if terminated:
        return Rung(Step.KILL, terminated.at + min(request.cancel_seconds, TERMINATE_SECONDS))
    if facts.finish:
        return Rung(Step.KILL, end_of_ladder(facts, request))
    if facts.started_at is None:
        return Rung(Step.TERMINATE, request.at)
    return _with_pipeline(facts, request)


def _without_request(facts: Facts, own_grace_seconds: float) -> Rung | None:
    """Give a bot that is over by itself its time to leave. One that crashed has no goodbye to finish."""
    if facts.finish:
        return Rung(Step.KILL, facts.finish.at + own_grace_seconds)
    if facts.crashed_at is not None:
        return Rung(Step.KILL, facts.crashed_at + min(own_grace_seconds, TERMINATE_SECONDS))
    return None


def _with_pipeline(facts: Facts, request: Request) -> Rung:
    cancelled = cancel_rung(facts)
    if cancelled:
        return Rung(Step.KILL, cancelled.at + request.cancel_seconds)
    if request.mode is Mode.IMMEDIATE:
        step = Step.FORCED_CANCEL_FRAME if facts.has_end_in_flight else Step.CANCEL_FRAME
        return Rung(step, request.at if request.raised_at is None else request.raised_at)
    if facts.rung(Step.END_FRAME) is None:
        return Rung(Step.END_FRAME, request.at)
    return Rung(Step.FORCED_CANCEL_FRAME, asked_at(facts, request) + request.grace_seconds)


def end_of_ladder(facts: Facts, request: Request) -> float:
    """Give when the bot is killed if nothing else happens."""
    cancelled = cancel_rung(facts)
    if cancelled:
        return cancelled.at + request.cancel_seconds
    if request.mode is Mode.IMMEDIATE:
        return (request.at if request.raised_at is None else request.raised_at) + request.cancel_seconds
    return asked_at(facts, request) + request.grace_seconds + request.cancel_seconds


def asked_at(facts: Facts, request: Request) -> float:
    """Give when the grace period began: with the EndFrame, once there is one."""
    asked = facts.rung(Step.END_FRAME)
    return asked.at if asked else request.at


def cancel_rung(facts: Facts) -> Rung | None:
    """Give the rung at which the pipeline was cancelled, either way."""
    return facts.rung(Step.FORCED_CANCEL_FRAME) or facts.rung(Step.CANCEL_FRAME)
