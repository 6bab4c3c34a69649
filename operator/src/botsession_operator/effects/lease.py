"""The right to write, by a Lease of coordination.k8s.io.

`core/election.py` decides; this module reads and writes the Lease. The official client's elector is not used, because
it compares times of the wall clock, does not release the Lease, and ends when a connection breaks.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, Protocol

from kubernetes.aio import client
from loguru import logger as log

from botsession_contract.json_codec import format_time
from botsession_operator.api.spec import Json
from botsession_operator.core.api_resources import Target
from botsession_operator.core.election import Election, LeaseRecord, LeaseTimings, Move
from botsession_operator.effects import api, api_responses
from botsession_operator.errors import LeaseLost, RequestRefused, TransientError
from botsession_operator.ports import Lease

#: How long the release of the Lease may take. Without it a standby takes the Lease when it expires.
RELEASE_SECONDS: Final = 3.0
#: The duration in a released Lease, as client-go writes it.
RELEASED_DURATION: Final = 1


def writable_seconds(lease: Lease) -> float:
    """Return how long this operator may still write; raise LeaseLost where it may not."""
    left = lease.seconds_left()
    if left <= 0:
        raise LeaseLost("this operator does not hold the lease")
    return left


def boot_seconds() -> float:
    """Return the seconds since the machine started, with the time in which it was suspended, unlike `monotonic`."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Rivals(Protocol):
    """Operators that hold other Leases, beside which this operator must not lead."""

    #: How long an operator waits that has taken its Lease at the same time as a rival. Rivals wait for different times.
    retreat_seconds: float

    async def are_gone(self) -> bool:
        """Return whether no rival may write any more."""
        ...


class LeaderElector:
    """Takes part in the election, once: a leader that has lost its Lease must exit.

    An operator with rivals takes its Lease only when they are gone, and leads only if they still are when it has the
    Lease. Two rivals that take theirs at the same time see each other then, and both retreat.
    """

    def __init__(
        self,
        connected: client.ApiClient,
        target: Target,
        identity: str,
        timings: LeaseTimings | None = None,
        seconds: Callable[[], float] = boot_seconds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rivals: Rivals | None = None,
    ) -> None:
        self._client = connected
        self._target = target
        self._election = Election(identity, timings or LeaseTimings())
        self._seconds = seconds
        self._sleep = sleep
        self._rivals = rivals
        #: Whether the rivals were gone after this operator had taken the Lease.
        self._is_confirmed = rivals is None
        #: The answer to the last look at the rivals.
        self._rivals_were_gone = rivals is None
        self._has_retreated = False
        self._elected = asyncio.Event()
        #: Whether a write of the Lease was sent, and its answer has not come.
        self._is_unanswered = False
        #: The previous holder of the Lease; None where it was free.
        self.predecessor: str | None = None
        self._seen_holder: str | None = None

    def seconds_left(self) -> float:
        """Return how long this operator may still write, without a request; 0 where it may not."""
        return self._seconds_held() if self._is_confirmed else 0.0

    @property
    def is_lost(self) -> bool:
        """Return whether this operator was the leader, and may no longer write."""
        return self._election.is_lost(self._seconds())

    async def elected(self) -> None:
        """Wait until this operator leads."""
        await self._elected.wait()

    async def run(self) -> None:
        """Wait for the Lease and take it, then renew it; return when it is lost."""
        while not self.is_lost:
            try:
                await self._attempt()
            except (TransientError, RequestRefused) as exc:
                log.warning("lease not reached", lease=str(self._target), error=str(exc))
            if self.is_lost:
                break
            self._report_changes()
            await self._sleep(self._pause())
        log.critical("lease lost", lease=str(self._target), holder=self._holder)

    async def release(self) -> None:
        """Release the Lease, so that another operator takes it at once. This operator writes nothing afterwards.

        A write that was cancelled may have reached the server: then the Lease is this operator's, though it never led.
        """
        left = self._seconds_held()
        # From here on this operator may not write, even if the request fails.
        self._election = replace(self._election, is_ousted=True)
        if left <= 0 and not self._is_unanswered:
            return
        try:
            async with asyncio.timeout(min(left or RELEASE_SECONDS, RELEASE_SECONDS)):
                if self._is_unanswered or not await self._free():
                    await self._read()
                    await self._free()
        except (TimeoutError, TransientError, RequestRefused) as exc:
            log.warning("lease not released", error=repr(exc))

    async def _free(self) -> bool:
        """Write that the Lease is free; return False where it has changed since it was read."""
        record = self._election.record
        if record is None or record.holder != self._election.identity:
            return True
        free = {"holderIdentity": "", "leaseDurationSeconds": RELEASED_DURATION, "renewTime": _now()}
        patch = {"metadata": {"resourceVersion": record.version}, "spec": free}
        answer = await self._request("PATCH", patch, RELEASE_SECONDS)
        if answer.status == HTTPStatus.CONFLICT:
            return False
        api_responses.expect(answer)
        log.info("lease released", lease=str(self._target))
        return True

    async def _attempt(self) -> None:
        """Take or renew the Lease. Read it before, unless this operator holds it, and after a conflict."""
        self._has_retreated = False
        if not self._election.is_leader:
            await self._read()
            if not await self._may_take():
                return
        if not await self._act():  # another operator wrote it meanwhile
            await self._read()
            await self._act()
        if self._election.is_leader and not self._is_confirmed:
            await self._confirm()

    async def _may_take(self) -> bool:
        """Return whether the Lease is free, and no rival leads.

        While the Lease is not free, look at rivals as long as there are any: those that are dead must be known as such
        when this operator takes over.
        """
        is_free = self._election.decide(self._seconds()) is not Move.WAIT
        if self._rivals and (is_free or not self._rivals_were_gone):
            self._rivals_were_gone = await self._rivals.are_gone()
        return is_free and self._rivals_were_gone

    async def _confirm(self) -> None:
        """Begin to lead if the rivals are still gone; else release the Lease, and become a candidate again."""
        assert self._rivals is not None  # noqa: S101  # without rivals there is nothing to confirm
        if await self._rivals.are_gone():
            self._is_confirmed = True
            return
        log.info("lease returned", lease=str(self._target))
        self._has_retreated = True
        await self._free()
        self._election = Election(self._election.identity, self._election.timings)

    async def _read(self) -> None:
        answer = await self._request("GET", None, self._request_timeout())
        found = api_responses.object_of(answer, self._target)
        self._election = self._election.observe(lease_record(found) if found else None, self._seconds())

    async def _act(self) -> bool:
        """Write the Lease, if the election says so; return False where it has changed since it was read."""
        began = self._seconds()
        move = self._election.decide(began)
        if move is Move.WAIT:
            return True
        self._is_unanswered = True
        answer = await self._write(move)
        self._is_unanswered = False
        if answer.status == HTTPStatus.CONFLICT or api_responses.is_missing(answer, self._target):
            return False
        written = api_responses.object_of(answer, self._target)
        assert written is not None  # noqa: S101  # a missing Lease has returned above
        if self._election.decide(self._seconds()) is not Move.WAIT:  # else the answer came too late
            self._election = self._election.after_write(lease_record(written), began, self._seconds())
        return True

    async def _write(self, move: Move) -> api.Answer:
        election, now = self._election, _now()
        spec: Json = {
            "holderIdentity": election.identity,
            "leaseDurationSeconds": round(election.timings.lease_duration),
            "renewTime": now,
            "leaseTransitions": election.next_transitions,
        }
        if move is not Move.RENEW:
            spec["acquireTime"] = now
        if move is Move.CREATE:
            metadata = {"namespace": self._target.namespace, "name": self._target.name}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
            return await self._request("POST", body, self._request_timeout())
        assert election.record is not None  # noqa: S101  # only then there is something to take or renew
        patch = {"metadata": {"resourceVersion": election.record.version}, "spec": spec}
        return await self._request("PATCH", patch, self._request_timeout())

    async def _request(self, method: str, body: Json | None, timeout: float) -> api.Answer:
        resource, namespace = self._target.resource, self._target.namespace
        path = resource.collection(namespace) if method == "POST" else self._target.path()
        content_type = api.MERGE_PATCH if method == "PATCH" else api.JSON
        return await api.request(self._client, method, path, body, content_type, timeout_seconds=timeout)

    def _request_timeout(self) -> float:
        """Return the time-out of a request: short enough for a retry, and for a leader to notice that it lost."""
        timings = self._election.timings
        return min(timings.renew_deadline / 2, self._seconds_held() or timings.renew_deadline)

    def _pause(self) -> float:
        timings = self._election.timings
        if self._has_retreated and self._rivals:
            return self._rivals.retreat_seconds
        if self._election.is_leader:
            return min(timings.retry_period, self._seconds_held())
        return timings.look_period

    def _seconds_held(self) -> float:
        """Return how long this operator still holds the Lease, though rivals may keep it from leading."""
        return self._election.seconds_left(self._seconds())

    def _report_changes(self) -> None:
        if self._election.is_leader and self._is_confirmed and not self._elected.is_set():
            log.info("lease taken", lease=str(self._target), before=self.predecessor)
            self._elected.set()
        elif not self._election.is_leader and self._holder != self._seen_holder:
            log.info("standing by", lease=str(self._target), holder=self._holder)
            self._seen_holder = self.predecessor = self._holder

    @property
    def _holder(self) -> str | None:
        record = self._election.record
        return record.holder if record and record.holder else None


def lease_record(lease: Json) -> LeaseRecord:
    """Return the record of a Lease, with defaults for invalid values."""
    spec = lease.get("spec") or {}
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    return LeaseRecord(
        holder=str(spec.get("holderIdentity") or ""),
        duration=float(duration) if isinstance(duration, int) and duration > 0 else LeaseTimings().lease_duration,
        version=str(lease["metadata"].get("resourceVersion", "")),
        transitions=transitions if isinstance(transitions, int) else 0,
    )


def _now() -> str:
    """Return the current time, for people who read the Lease. No operator compares it with a clock."""
    return format_time(datetime.now(UTC))
