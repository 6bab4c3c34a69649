"""Rule: how a session ends, by the cause of its end.

`spec.shutdown.overrides` for a cause takes precedence over `spec.shutdown`.
"""

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from botsession_contract import shutdown as contract
from botsession_contract.lifecycle import BOT_CAUSES, Cause
from botsession_operator.api.spec import Override, Shutdown

T = TypeVar("T")


def shutdown_for(shutdown: Shutdown, cause: Cause) -> Shutdown:
    """Return the shutdown for one cause, with its override applied."""
    override = shutdown.overrides.get(cause, Override())
    return replace(
        shutdown,
        mode=_either(override.mode, shutdown.mode),
        grace_period=_either(override.grace_period, shutdown.grace_period),
        cancel_period=_either(override.cancel_period, shutdown.cancel_period),
        farewell=_either(override.farewell, shutdown.farewell),
        overrides={},
    )


def ladder_length(shutdown: Shutdown, cause: Cause) -> timedelta:
    """Return how long the runtime may take from the request to the bot's end."""
    resolved = shutdown_for(shutdown, cause)
    return resolved.grace_period + resolved.cancel_period


def longest_ladder(shutdown: Shutdown) -> timedelta:
    """Return the length of the longest ladder of all causes: a node may be drained while any of them is under way.

    The bot's own ends do not count: a SIGTERM replaces such an end, with the periods of an eviction.
    """
    return max(ladder_length(shutdown, cause) for cause in Cause if cause not in BOT_CAUSES)


def to_contract(shutdown: Shutdown) -> contract.Shutdown:
    """Return the shutdown in the form for a supervisor, without overrides."""
    return contract.Shutdown(
        mode=shutdown.mode,
        grace_period_seconds=shutdown.grace_period.total_seconds(),
        cancel_period_seconds=shutdown.cancel_period.total_seconds(),
        farewell=shutdown.farewell,
    )


def overrides_to_contract(shutdown: Shutdown) -> contract.Overrides:
    """Return the overrides for causes that a supervisor acts on by itself. Requests carry those for all others."""

    def merged(cause: Cause) -> contract.Shutdown | None:
        return to_contract(shutdown_for(shutdown, cause)) if cause in shutdown.overrides else None

    return contract.Overrides(
        max_duration=merged(Cause.MAX_DURATION),
        idle_timeout=merged(Cause.IDLE_TIMEOUT),
        no_client=merged(Cause.NO_CLIENT),
        evicted=merged(Cause.EVICTED),
        no_sound=merged(Cause.NO_SOUND),
        bot_ended=merged(Cause.BOT_ENDED),
        bot_cancelled=merged(Cause.BOT_CANCELLED),
    )


def _either(override: T | None, default: T) -> T:
    return default if override is None else override
