"""How a session ends where its supervisor decides by itself: for all causes, and for some in a way of their own."""

from dataclasses import dataclass
from typing import Final

from botsession_contract.lifecycle import Mode


@dataclass(frozen=True, slots=True)
class Shutdown:
    """How the session ends if the request does not say it: after SIGTERM, a limit or the backstop."""

    mode: Mode = Mode.GRACEFUL
    grace_period_seconds: float = 30.0
    cancel_period_seconds: float = 10.0
    farewell: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What is different for the causes that a supervisor acts on by itself. The operator's requests are complete.

    Each is whole, so that only the operator merges. None: as the session's `Shutdown` says.
    """

    max_duration: Shutdown | None = None
    idle_timeout: Shutdown | None = None
    no_client: Shutdown | None = None
    evicted: Shutdown | None = None
    no_sound: Shutdown | None = None
    #: For ends that the bot began; only the periods count there.
    bot_ended: Shutdown | None = None
    bot_cancelled: Shutdown | None = None


#: What applies until the operator sends something else.
USUAL_SHUTDOWN: Final = Shutdown()
NO_OVERRIDES: Final = Overrides()
