"""The control endpoint of a pod: its paths, its payloads, its port."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from botsession_contract.lifecycle import BotState, Cause, Mode
from botsession_contract.limits import SessionLimits
from botsession_contract.report import Ending, ExitReport

CONTROL_PORT: Final = 8474
LIVEZ_PATH: Final = "/livez"
READYZ_PATH: Final = "/readyz"
SESSION_PATH: Final = "/v1/session"
END_PATH: Final = "/v1/session/end"
#: The operator's own endpoint that supervisors poke.
POKE_PATH: Final = "/v1/poke/{namespace}/{name}"
#: Bodies larger than this are refused with 413.
LARGEST_BODY_BYTES: Final = 16 * 1024
PROBLEM_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class EndRequest:
    """`POST /v1/session/end`. What is left out is taken from the launch."""

    mode: Mode
    cause: Cause = Cause.END_REQUESTED
    farewell: str | None = None
    grace_period_seconds: float | None = None
    cancel_period_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SessionPatch:
    """`PATCH /v1/session`: what bounds the session from now on. At least one is given; what is left out stays."""

    #: What the backstop watches.
    deadline: datetime | None = None
    limits: SessionLimits | None = None


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """`GET /v1/session`: what the supervisor knows now."""

    state: BotState
    #: The supervisor's clock at the time of answering: the reader can tell how far its own is off.
    now: datetime
    started_at: datetime | None = None
    client_connected_at: datetime | None = None
    deadline: datetime | None = None
    ending: Ending | None = None
    report: ExitReport | None = None
    #: The limits in force; None from a runtime that is too old to have any.
    limits: SessionLimits | None = None
