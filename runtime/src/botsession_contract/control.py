"""The control endpoint of a pod: its paths, its payloads, its port."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from botsession_contract.bounded_json import clean_texts, parse_json
from botsession_contract.conversation import Conversation, check_conversation
from botsession_contract.json_codec import PayloadError, decode_noting
from botsession_contract.lifecycle import BotState, Cause, Mode
from botsession_contract.report import LARGEST_COUNT, Ending, ExitReport, check_report
from botsession_contract.session_limits import SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown

CONTROL_PORT: Final = 8474
LIVEZ_PATH: Final = "/livez"
READYZ_PATH: Final = "/readyz"
SESSION_PATH: Final = "/v1/session"
END_PATH: Final = "/v1/session/end"
#: The operator's own endpoint that supervisors poke.
POKE_PATH: Final = "/v1/poke/{namespace}/{name}"
#: Bodies larger than this are refused with 413. Six farewells and a prompt as long as the CRD allows, escaped, fit in.
LARGEST_BODY_BYTES: Final = 128 * 1024
#: Answers larger than this are not read to their end. A snapshot with a report in it is a tenth of that.
LARGEST_ANSWER_BYTES: Final = 64 * 1024
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
    #: Each is replaced as a whole: an override that is not in the patch is removed.
    shutdown: Shutdown | None = None
    overrides: Overrides | None = None


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The heartbeats that a supervisor sends to the operator: small UDP datagrams (`heartbeat.py`)."""

    interval_seconds: float
    #: How many it has sent, which is the sequence number of the last one.
    sent: int
    #: The number of this snapshot's content. It rises with each change but those of the clock and of counts.
    revision: int


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
    #: How the session ends where the supervisor decides; None from a runtime that keeps to its launch.
    shutdown: Shutdown | None = None
    overrides: Overrides | None = None
    #: Whether the pipeline has a transport that says when a client connects; None from a runtime too old to say.
    tells_of_clients: bool | None = None
    #: When the last client left; None while a client is connected, before the first, or if no transport reports it.
    client_disconnected_at: datetime | None = None
    #: When the bot's module had been imported; for a command: when Pipecat had.
    bot_imported_at: datetime | None = None
    #: When the bot began to listen for its caller; None where it does not wait for one.
    listening_at: datetime | None = None
    #: When that caller connected. The pipeline starts after that.
    called_at: datetime | None = None
    #: Why the hook cannot watch the pipeline, in a sentence; None where it does, or has not been loaded.
    unwatched: str | None = None
    #: What the caller got so far; None from a runtime that is too old to say.
    conversation: Conversation | None = None
    #: How many pipelines of the conversation have finished; None from a runtime too old to count them.
    pipelines_finished: int | None = None
    #: Until when the process may start its next pipeline; None while one runs, and once an end was requested.
    next_pipeline_until: datetime | None = None
    #: None from a runtime that sends none, or that was not told where to.
    heartbeats: Heartbeats | None = None


def snapshot_from_bytes(raw: bytes) -> SessionSnapshot:
    """Return the snapshot in an answer; raise PayloadError, and nothing else, where it is none.

    Any program may listen on a pod's address. Words of another version are in `ending.note`.
    """
    data = clean_texts(parse_json(raw, LARGEST_ANSWER_BYTES), but="result")
    snapshot, words = decode_noting(SessionSnapshot, data)
    if snapshot.report:
        check_report(snapshot.report)
    check_conversation(snapshot.conversation)
    if snapshot.pipelines_finished is not None and not 0 <= snapshot.pipelines_finished <= LARGEST_COUNT:
        raise PayloadError(f"pipelinesFinished must be between 0 and {LARGEST_COUNT}")
    if words and snapshot.ending:
        note = f"the supervisor is of another version: {', '.join(words)}"
        return replace(snapshot, ending=replace(snapshot.ending, note=note))
    return snapshot
