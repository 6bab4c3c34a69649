"""Rule: which limit of a conversation is next to strike, and when. Pure, like the ladder, and tested in a table.

    joinTimeout   from when the bot listens, until the first caller; where it does not listen, from pipeline start, and
                  only where the transport would tell of a client; where that it listens was guessed, not before
                  startTimeout is over
    idleTimeout   from the last activity; while the join limit still waits for a client there is nobody to be quiet
    firstSound    from the first client until a sound that it can hear, while it is there and the pipeline plays audio
    prompt        once per quiet spell, before idleTimeout
    backstop      the deadline, and some seconds for the operator, whose business it is, to be first; also while the bot
                  ends itself, or is between two pipelines

A limit that is moved into the past strikes now.
"""

from dataclasses import dataclass
from typing import Final

from botsession_contract.lifecycle import Cause
from botsession_contract.session_limits import SessionLimits
from botsession_runtime.session_state import SessionState


@dataclass(frozen=True, slots=True)
class Due:
    """What happens next if nothing else does."""

    at: float
    #: The cause for which the session is asked to end; None: the caller is prompted.
    cause: Cause | None


NOTHING: Final[tuple[Due, ...]] = ()


def next_due(facts: SessionState, limits: SessionLimits, backstop: float | None) -> Due | None:
    """Return the next limit to strike; None once the session ends, or while nothing bounds it."""
    if facts.exit or (facts.request and not facts.request.is_bots):
        return None
    last = NOTHING if backstop is None else (Due(backstop, Cause.MAX_DURATION),)
    if facts.request or facts.finish:
        return last[0] if last else None  # a bot that ends itself, or is between two pipelines
    return min(
        (*last, *_join(facts, limits), *_sound(facts, limits), *_idle(facts, limits)),
        key=lambda due: due.at,
        default=None,
    )


def awaits_client(facts: SessionState, limits: SessionLimits) -> bool:
    """Return whether the join limit still runs."""
    return bool(limits.join_timeout_seconds) and facts.has_clients and facts.client_at is None


def quiet_since(facts: SessionState, limits: SessionLimits) -> float | None:
    """Return when the present quiet spell began; None while there is nobody who could be quiet."""
    if facts.started_at is None or awaits_client(facts, limits):
        return None
    began = facts.started_at if facts.stage_at is None else facts.stage_at
    return max(began, facts.client_at or 0.0, facts.active_at or 0.0)


def awaits_caller(facts: SessionState) -> bool:
    """Return whether the bot listens, and nobody has called."""
    return facts.listening_at is not None and facts.called_at is None and facts.started_at is None


def _join(facts: SessionState, limits: SessionLimits) -> tuple[Due, ...]:
    started = facts.started_at if facts.stage_at is None else facts.stage_at
    since = facts.listening_at if awaits_caller(facts) else started
    awaits = awaits_caller(facts) or awaits_client(facts, limits)
    if since is None or not awaits or not limits.join_timeout_seconds:
        return NOTHING
    earliest = facts.join_earliest if awaits_caller(facts) else 0.0
    return (Due(max(since + limits.join_timeout_seconds, earliest), Cause.NO_CLIENT),)


def _sound(facts: SessionState, limits: SessionLimits) -> tuple[Due, ...]:
    heard, timeout = facts.conversation, limits.first_sound_timeout_seconds
    is_there = facts.client_at is not None and facts.left_at is None
    if not timeout or not heard.has_audio or heard.first_sound_at is not None or not is_there:
        return NOTHING
    return (Due(max(facts.client_at or 0.0, facts.started_at or 0.0) + timeout, Cause.NO_SOUND),)


def _idle(facts: SessionState, limits: SessionLimits) -> tuple[Due, ...]:
    since = quiet_since(facts, limits)
    if since is None or not limits.idle_timeout_seconds or facts.unwatched:
        return NOTHING
    struck = Due(since + limits.idle_timeout_seconds, Cause.IDLE_TIMEOUT)
    prompt = limits.idle_prompt
    if prompt is None or (facts.prompted_at is not None and facts.prompted_at >= since):
        return (struck,)
    return (struck, Due(since + prompt.after_seconds, None))
