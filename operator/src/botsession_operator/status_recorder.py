"""Write the status of a session, and tell of what was written: in metrics, in the log and in Events, exactly once.

Two things go wrong with a write. Its answer may be lost, so that nobody knows whether it was carried out: the next pass
sees it in what it reads. Or the API server refuses it for good, whatever was in it: then the bare facts are written.
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

#: As many answers of one session in a row may be lost and be told apart. More than one is rare.
MOST_LOST = 4
#: So many writes of a session may follow each other closely, which is more than a life from start to end has; then one
#: in the time that the first of them has become older than.
BURST = 8
BURST_TIME = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LostAnswers:
    """Writes of which nobody knows whether they were carried out. At most one was: each wanted the same version."""

    uid: str
    version: str
    before: Status | None
    written: tuple[Status, ...]


@dataclass(slots=True)
class StatusWrites:
    """What an operator remembers of its writes, for sessions that exist; a new operator begins with nothing."""

    lost: dict[Key, LostAnswers] = field(default_factory=dict)
    #: The last status that was refused for good, so that it is not sent with each look.
    refused: dict[Key, Status] = field(default_factory=dict)
    #: Since when something waits to be written.
    waiting: dict[Key, datetime] = field(default_factory=dict)
    #: The times of the last writes.
    times: dict[Key, tuple[datetime, ...]] = field(default_factory=dict)
    #: Of which a refusal was told.
    reported: set[Key] = field(default_factory=set)

    def due(self, session: Session, status: Status, wanted: datetime) -> datetime:
        """Return when a status is written: not later than was said when there first was something to write.

        Many writes in a short time are spread out, but for those that move the phase on: a supervisor, or who answers
        in its place, may have other news with each answer.
        """
        due = self.waiting[session.key] = min(wanted, self.waiting.get(session.key, wanted))
        times = self.times.get(session.key, ())
        if len(times) < BURST or session.status is None or session.status.phase is not status.phase:
            return due
        return max(due, times[0] + BURST_TIME)

    def note_written(self, key: Key, now: datetime) -> None:
        """Remember that something was written."""
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
        """Remember a write without an answer."""
        known = self.lost.get(session.key)
        if known is None or (known.uid, known.version) != (session.uid, session.resource_version):
            known = LostAnswers(session.uid, session.resource_version, session.status, ())
        self.lost[session.key] = replace(known, written=(*known.written, status)[-MOST_LOST:])

    def find_lost(self, session: Session) -> tuple[Status | None, Status] | None:
        """Return what a write without an answer has replaced, and by what, if it is seen to be carried out."""
        known = self.lost.get(session.key)
        if known is None or (known.uid, known.version) == (session.uid, session.resource_version):
            return None  # it may still be carried out
        del self.lost[session.key]
        if known.uid != session.uid:
            return None
        return next(((known.before, each) for each in known.written if _is_recorded(each, session.status)), None)


@dataclass(frozen=True, slots=True)
class StatusRecorder:
    """Writes statuses for one operator."""

    cluster: Cluster
    metrics: Metrics
    writes: StatusWrites

    async def report_lost_answer(self, session: Session) -> None:
        """Count and tell what an earlier pass has written without hearing that it had."""
        found = self.writes.find_lost(session)
        if found:
            log.info("status was written though the answer was lost")
            await self._report(session, *found)

    async def record(self, session: Session, status: Status, now: datetime) -> None:
        """Write a status, or its bare facts where it is refused for good; raise StatusRefused where those are too."""
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
        """Tell once of a session that its status is refused; what is recorded of it says so too, if it can be."""
        is_known = find_condition(session.status, ConditionType.RECORDED, ConditionStatus.FALSE)
        if not is_known and session.key not in self.writes.reported:
            await self.cluster.record_event(session, minimal_status.refusal(why))
        self.writes.reported.add(session.key)

    async def _write(self, session: Session, status: Status) -> None:
        try:
            is_written = await self.cluster.write_status(session.key, session.resource_version, encode(status))
        except ClusterUnavailable:
            self.writes.note_lost(session, status)
            raise
        self.writes.lost.pop(session.key, None)
        if is_written:  # else it was taken away by force: nothing was recorded, so nothing is told or counted
            await self._report(session, session.status, status)

    async def _report(self, session: Session, before: Status | None, status: Status) -> None:
        # Before anything else is waited for: an operator that dies in between counts nothing.
        self.metrics.count(samples_of(session.key.namespace, before, status))
        if before is None or before.phase is not status.phase:
            finish = {"reason": status.finish.reason, "outcome": status.finish.outcome} if status.finish else {}
            log.info("phase changed", phase=status.phase, **finish)
        for item in events_for(before, status):
            await self.cluster.record_event(session, item)


def _is_recorded(written: Status, found: Status | None) -> bool:
    """Return whether a status was written here. Another operator's has its conditions from another moment."""
    if found is None:
        return False
    if written.finish is None:
        return found == written
    # What came after the finish, such as deliveries, does not make it another.
    since = (find_condition(each, ConditionType.FINISHED, ConditionStatus.TRUE) for each in (written, found))
    return found.finish == written.finish and next(since) == next(since)
