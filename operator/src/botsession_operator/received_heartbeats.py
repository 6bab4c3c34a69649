"""What the operator heard of one supervisor by its heartbeats, and when it expects the next one.

A heartbeat counts only for a supervisor that has answered, and that said in its answer that it sends heartbeats. So a
runtime that sends none is polled, and so is a supervisor whose heartbeats do not reach the operator.

Times are seconds of the operator's monotonic clock. No clock of a pod counts.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_contract.documented import DocumentedEnum
from botsession_contract.heartbeat import Heartbeat
from botsession_contract.lifecycle import BotState

#: Supervisors with other intervals are polled: a pod must not promise a heartbeat for tomorrow.
MIN_INTERVAL_SECONDS: Final = 30.0
MAX_INTERVAL_SECONDS: Final = 60.0
#: A heartbeat is missing after so many intervals. One that is lost costs a request, so this need not be patient.
PATIENCE: Final = 1.5
#: Heartbeats that come after less than this part of an interval are ignored.
MIN_PART: Final = 0.5


class HeartbeatResult(DocumentedEnum):
    """What became of a heartbeat."""

    HEARD = "Heard", "The supervisor is alive, and has no news."
    NEWS = "News", "The supervisor is alive, and has had news since its last answer; the operator asks it."
    UNKNOWN = "Unknown", "The datagram is no heartbeat, or none of a supervisor that answers and sends heartbeats."
    EARLY = "Early", "The last one of this session came a moment ago."
    REPEATED = "Repeated", "Its sequence number is not higher than the last one: a copy, or out of order."
    FORGED = "Forged", "Its sender does not have the session's key."


@dataclass(eq=False, slots=True)
class ReceivedHeartbeats:
    """The heartbeats of one supervisor."""

    #: How they name their session.
    session: bytes
    _key: bytes = field(repr=False)
    #: As the supervisor's last answer said; 0 where it sends none.
    _interval: float = 0.0
    _is_running: bool = False
    _revision: int = 0
    #: The highest sequence number of a heartbeat, or of an answer.
    _sequence: int = 0
    _received_at: float = -math.inf
    #: When the next one is missing; None while none is expected.
    _missing_at: float | None = None
    #: One was missing, and none has come since.
    _is_interrupted: bool = False

    @property
    def are_expected(self) -> bool:
        """Return whether the supervisor is alive as far as its heartbeats say, so that it need not be polled."""
        return self._missing_at is not None

    def note_answer(self, answer: SessionSnapshot, now: float) -> None:
        """Record what an answer says of the heartbeats. It proves life too, so the next one is expected from now on.

        Not before the first one was sent, nor after one was missing: a NetworkPolicy may stop them all. A session that
        does not run yet, or that ends, has news all the time.
        """
        beats = answer.heartbeats
        is_usable = beats is not None and MIN_INTERVAL_SECONDS <= beats.interval_seconds <= MAX_INTERVAL_SECONDS
        self._missing_at = None
        if beats is None or not is_usable:
            self._interval = 0.0
            return
        self._interval, self._revision = beats.interval_seconds, beats.revision
        self._sequence = max(self._sequence, beats.sent)
        self._is_running = answer.state is BotState.RUNNING
        if beats.sent > 0 and not self._is_interrupted:
            self._expect_next(now)

    def note_silence(self) -> None:
        """Record that the supervisor did not answer: it is polled until it answers again."""
        self._missing_at = None

    def receive(self, beat: Heartbeat, now: float) -> HeartbeatResult:
        """Record a heartbeat; return what it says. The cheap checks come first."""
        if not self._interval:
            return HeartbeatResult.UNKNOWN
        if beat.sequence <= self._sequence:
            return HeartbeatResult.REPEATED
        if now - self._received_at < MIN_PART * self._interval:
            return HeartbeatResult.EARLY
        if not beat.is_authentic(self._key):
            return HeartbeatResult.FORGED
        self._sequence, self._received_at, self._is_interrupted = beat.sequence, now, False
        self._expect_next(now)
        return HeartbeatResult.NEWS if beat.revision > self._revision else HeartbeatResult.HEARD

    def is_missing(self, now: float, stopped: float) -> bool:
        """Return whether a heartbeat has become missing. `stopped` is for how long the operator did not run lately."""
        if self._missing_at is None:
            return False
        self._missing_at += stopped
        if now < self._missing_at:
            return False
        self._missing_at, self._is_interrupted = None, True
        return True

    def _expect_next(self, now: float) -> None:
        if self._is_running:
            self._missing_at = now + PATIENCE * self._interval
