"""Rule: which limit of a conversation is reached next, and when. Pure, like the ladder, and tested in a table.

    joinTimeout   from when the bot listens, until the first caller; where it does not listen, from pipeline start, and
                  only where the transport would tell of a client; where that it listens was guessed, not before
                  startTimeout is over
    idleTimeout   from the last activity; not while the join limit still waits for a client
    firstSound    from the first client until a sound that it can hear, while it is there and the pipeline plays audio
    prompt        once per quiet spell, before idleTimeout
    backstop      the deadline, and some seconds for the operator, whose business it is, to be first; also while the bot
                  ends itself, or is between two pipelines

A limit that is moved into the past is reached now.
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


def next_due(state: SessionState, limits: SessionLimits, backstop: float | None) -> Due | None:
    """Return the limit that is reached next; None once the session ends, or while nothing bounds it."""
    if state.exit or (state.request and not state.request.is_by_bot):
        return None
    last = NOTHING if backstop is None else (Due(backstop, Cause.MAX_DURATION),)
    if state.request or state.finish:
        return last[0] if last else None  # a bot that ends itself, or is between two pipelines
    return min(
        (*last, *_join(state, limits), *_sound(state, limits), *_idle(state, limits)),
        key=lambda due: due.at,
        default=None,
    )


def awaits_client(state: SessionState, limits: SessionLimits) -> bool:
    """Return whether the join limit still runs."""
    return bool(limits.join_timeout_seconds) and state.has_clients and state.client_at is None


def quiet_since(state: SessionState, limits: SessionLimits) -> float | None:
    """Return when the present quiet spell began; None before the pipeline has started and a client has joined."""
    if state.started_at is None or awaits_client(state, limits):
        return None
    began = state.started_at if state.stage_started_at is None else state.stage_started_at
    return max(began, state.client_at or 0.0, state.active_at or 0.0)


def awaits_caller(state: SessionState) -> bool:
    """Return whether the bot listens, and no caller has connected."""
    return state.listening_at is not None and state.called_at is None and state.started_at is None


def _join(state: SessionState, limits: SessionLimits) -> tuple[Due, ...]:
    started = state.started_at if state.stage_started_at is None else state.stage_started_at
    since = state.listening_at if awaits_caller(state) else started
    awaits = awaits_caller(state) or awaits_client(state, limits)
    if since is None or not awaits or not limits.join_timeout_seconds:
        return NOTHING
    earliest = state.join_earliest if awaits_caller(state) else 0.0
    return (Due(max(since + limits.join_timeout_seconds, earliest), Cause.NO_CLIENT),)


def _sound(state: SessionState, limits: SessionLimits) -> tuple[Due, ...]:
    heard, timeout = state.conversation, limits.first_sound_timeout_seconds
    is_there = state.client_at is not None and state.left_at is None
    if not timeout or not heard.has_audio or heard.first_sound_at is not None or not is_there:
        return NOTHING
    return (Due(max(state.client_at or 0.0, state.started_at or 0.0) + timeout, Cause.NO_SOUND),)


def _idle(state: SessionState, limits: SessionLimits) -> tuple[Due, ...]:
    since = quiet_since(state, limits)
    if since is None or not limits.idle_timeout_seconds or state.unwatched:
        return NOTHING
    struck = Due(since + limits.idle_timeout_seconds, Cause.IDLE_TIMEOUT)
    prompt = limits.idle_prompt
    if prompt is None or (state.prompt_sent_at is not None and state.prompt_sent_at >= since):
        return (struck,)
    return (struck, Due(since + prompt.after_seconds, None))
