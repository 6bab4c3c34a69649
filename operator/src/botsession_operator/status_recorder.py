"""Write the status of a session, and report each written change exactly once: in metrics, the log and Events.

A write can fail in two ways. If its answer is lost, the operator does not know whether the API server carried the write
out: the next pass finds that out from what it reads. If the API server refuses the status for good, the operator writes
a minimal status instead.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from loguru import logger as log

from botsession_contract.json_codec import encode
from botsession_operator.api.status import ConditionStatus, ConditionType, Status, find_condition
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.session_key import Key
from botsession_operator.core.status import minimal_status
from botsession_operator.core.status.k8s_events import events_for
from botsession_operator.core.status.metric_samples import samples_of
from botsession_operator.errors import ClusterUnavailable, StatusRefused
from botsession_operator.metrics import Metrics
from botsession_operator.ports import Cluster

#: How many writes without an answer are remembered for one session. More than one in a row is rare.
MAX_LOST_WRITES = 4
#: A session may have BURST writes within BURST_TIME, which is more than a life from start to end needs. More writes
#: wait, until the oldest of the last BURST writes is older than BURST_TIME.
BURST = 8
BURST_TIME = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LostAnswers:
    """Writes whose answers were lost. At most one was carried out, since all name the same resourceVersion."""

    uid: str
    version: str
    before: Status | None
    written: tuple[Status, ...]


@dataclass(slots=True)
class StatusWrites:
    """What this process remembers of its writes, for sessions that exist. A new process begins with nothing."""

    lost: dict[Key, LostAnswers] = field(default_factory=dict)
    #: The last status that was refused for good, so that not each pass sends it again.
    refused: dict[Key, Status] = field(default_factory=dict)
    #: When the status that waits is due.
    waiting: dict[Key, datetime] = field(default_factory=dict)
    #: The times of the last writes.
    times: dict[Key, tuple[datetime, ...]] = field(default_factory=dict)
    #: Sessions whose refusal has been reported.
    reported: set[Key] = field(default_factory=set)

    def due(self, session: Session, status: Status, wanted: datetime) -> datetime:
        """Return when to write a status: at the earliest time that was wanted since the last write.

        Many writes in a short time are spread out, because a supervisor, or another program on its port, could change
        its answer each time. A status with a new phase does not wait.
        """
        due = self.waiting[session.key] = min(wanted, self.waiting.get(session.key, wanted))
        times = self.times.get(session.key, ())
        if len(times) < BURST or session.status is None or session.status.phase is not status.phase:
            return due
        return max(due, times[0] + BURST_TIME)

    def note_written(self, key: Key, now: datetime) -> None:
        """Record the time of a write."""
        self.waiting.pop(key, None)
        self.times[key] = (*self.times.get(key, ()), now)[-BURST:]

    def forget(self, key: Key) -> None:
        """Forget a session that is gone."""
        self.waiting.pop(key, None)
        self.times.pop(key, None)
        self.lost.pop(key, None)
        self.refused.pop(key, None)
        self.reported.discard(key)

    def note_lost(self, session: Session, status: Status) -> None:
        """Record a write whose answer was lost."""
        lost = self.lost.get(session.key)
        if lost is None or (lost.uid, lost.version) != (session.uid, session.resource_version):
            lost = LostAnswers(session.uid, session.resource_version, session.status, ())
        self.lost[session.key] = replace(lost, written=(*lost.written, status)[-MAX_LOST_WRITES:])

    def find_lost(self, session: Session) -> tuple[Status | None, Status] | None:
        """Return the old and the new status of a lost write, if the session shows that the write was carried out."""
        lost = self.lost.get(session.key)
        if lost is None or (lost.uid, lost.version) == (session.uid, session.resource_version):
            return None  # it may still be carried out
        del self.lost[session.key]
        if lost.uid != session.uid:
            return None
        return next(((lost.before, each) for each in lost.written if _is_recorded(each, session.status)), None)


@dataclass(frozen=True, slots=True)
class StatusRecorder:
    """Writes the statuses of sessions."""

    cluster: Cluster
    metrics: Metrics
    writes: StatusWrites

    async def report_lost_answer(self, session: Session) -> None:
        """Report what an earlier pass wrote, if its answer was lost."""
        found = self.writes.find_lost(session)
        if found:
            log.info("status was written though the answer was lost")
            await self._report(session, *found)

    async def record(self, session: Session, status: Status, now: datetime) -> None:
        """Write a status, or a minimal one where it is refused; raise StatusRefused where that is refused too."""
        self.writes.note_written(session.key, now)
        if minimal_status.is_same_but_for_time(self.writes.refused.get(session.key), status):
            await self._record_minimal(session, status, now)
            return
        try:
            await self._write(session, status)
        except StatusRefused as exc:
            self.writes.refused[session.key] = status
            self.metrics.count_status_refusal()
            log.warning("status refused", error=str(exc))
            await self._report_refusal(session, str(exc))
            await self._record_minimal(session, status, now)
        else:
            self.writes.refused.pop(session.key, None)

    async def _record_minimal(self, session: Session, status: Status, now: datetime) -> None:
        least = minimal_status.least_status(status, now)
        if not minimal_status.is_same_but_for_time(session.status, least):
            await self._write(session, least)

    async def _report_refusal(self, session: Session, why: str) -> None:
        """Record an Event about the refusal, once for a session; the minimal status has a condition for it."""
        is_in_status = find_condition(session.status, ConditionType.RECORDED, ConditionStatus.FALSE)
        if not is_in_status and session.key not in self.writes.reported:
            await self.cluster.record_event(session, minimal_status.refusal(why))
        self.writes.reported.add(session.key)

    async def _write(self, session: Session, status: Status) -> None:
        try:
            is_written = await self.cluster.write_status(session.key, session.resource_version, encode(status))
        except ClusterUnavailable:
            self.writes.note_lost(session, status)
            raise
        self.writes.lost.pop(session.key, None)
        if is_written:  # else the session is gone: nothing was recorded, so there is nothing to report
            await self._report(session, session.status, status)

    async def _report(self, session: Session, before: Status | None, status: Status) -> None:
        # First of all, without an await before it: if the operator died in between, the change would not be counted.
        self.metrics.count(samples_of(session.key.namespace, before, status))
        if before is None or before.phase is not status.phase:
            finish = {"reason": status.finish.reason, "outcome": status.finish.outcome} if status.finish else {}
            log.info("phase changed", phase=status.phase, **finish)
        for item in events_for(before, status):
            await self.cluster.record_event(session, item)


def _is_recorded(written: Status, found: Status | None) -> bool:
    """Return whether the found status is the written one. Another operator's write has other transition times."""
    if found is None:
        return False
    if written.finish is None:
        return found == written
    # Changes after the finish, such as deliveries, are written later and do not count.
    since = (find_condition(each, ConditionType.FINISHED, ConditionStatus.TRUE) for each in (written, found))
    return found.finish == written.finish and next(since) == next(since)
