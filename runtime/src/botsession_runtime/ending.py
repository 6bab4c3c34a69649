"""Rule: what a request to end amounts to, and how it is fitted into a SIGTERM's grace. Pure."""

from dataclasses import replace
from typing import Final

from botsession_contract.control import EndRequest
from botsession_contract.lifecycle import Mode
from botsession_contract.shutdown import Shutdown
from botsession_runtime import ladder
from botsession_runtime.facts import Facts, Request

#: What a SIGTERM's grace must leave for the stack dump, the SIGKILL and the report, in seconds.
REPORT_SECONDS: Final = 2.0


def complete(asked: EndRequest, shutdown: Shutdown, now: float) -> Request:
    """Fill what a request leaves open with what the launch says."""
    grace, cancel = asked.grace_period_seconds, asked.cancel_period_seconds
    return Request(
        cause=asked.cause,
        mode=asked.mode,
        at=now,
        grace_seconds=shutdown.grace_period_seconds if grace is None else grace,
        cancel_seconds=shutdown.cancel_period_seconds if cancel is None else cancel,
        farewell=shutdown.farewell if asked.farewell is None else asked.farewell,
    )


def raised(current: Request, asked: EndRequest, now: float) -> Request:
    """Go from Graceful to Immediate. The first cause stays: it is why the session ends."""
    cancel = asked.cancel_period_seconds
    return replace(
        current,
        mode=Mode.IMMEDIATE,
        raised_at=now,
        cancel_seconds=current.cancel_seconds if cancel is None else cancel,
    )


def shortened(current: Request, asked: EndRequest, facts: Facts, now: float) -> Request:
    """Fit what is left of the ladder into the periods of a request that comes again; nothing is ever put off."""
    if asked.grace_period_seconds is None or asked.cancel_period_seconds is None:
        return current
    return squeeze(current, facts, now, asked.grace_period_seconds + asked.cancel_period_seconds)


def squeeze(request: Request, facts: Facts, now: float, budget_seconds: float) -> Request:
    """Shorten what is left of the ladder, in proportion, so that it ends within the budget from now."""
    left = max(ladder.end_of_ladder(facts, request) - now, 0.0)
    if left <= budget_seconds:
        return request
    share = budget_seconds / left
    cancelled = ladder.cancel_rung(facts)
    if cancelled:
        return replace(request, cancel_seconds=now - cancelled.at + left * share)
    if request.mode is Mode.IMMEDIATE:
        return replace(request, cancel_seconds=request.cancel_seconds * share)
    spent = now - ladder.asked_at(facts, request)
    grace = spent + (request.grace_seconds - spent) * share
    return replace(request, grace_seconds=grace, cancel_seconds=request.cancel_seconds * share)


def sigterm_budget(termination_grace_seconds: float) -> float:
    """Give how long the ladder may take from a SIGTERM on; half of a grace that is hardly any."""
    return max(termination_grace_seconds - REPORT_SECONDS, termination_grace_seconds / 2)
