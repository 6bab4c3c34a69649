"""What bounds a conversation from inside: limits that only the bot's own process can judge, so the supervisor does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdlePrompt:
    """What the bot says to a caller who has gone quiet, once per quiet spell."""

    after_seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The limits in force. They travel as a whole, because an absent member has a meaning of its own."""

    #: From pipeline start, or from when the bot listens, until the first client; 0 is off.
    join_timeout_seconds: float = 0.0
    #: Quiet for this long ends the session. 0: quiet never does. None: the bot's own setting stays.
    idle_timeout_seconds: float | None = None
    #: Names of the frame classes that count as activity; empty: those that Pipecat counts.
    idle_frames: tuple[str, ...] = ()
    idle_prompt: IdlePrompt | None = None
    #: From the first client, or pipeline start where that is later, until the bot's first sound; None is off.
    first_sound_timeout_seconds: float | None = None


#: What applies until the operator sends something else.
NO_LIMITS = SessionLimits()
