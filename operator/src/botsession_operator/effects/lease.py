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
from typing import Final

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


class LeaderElector:
    """Takes part in the election, once: a leader that has lost its Lease must exit."""

    def __init__(
        self,
        connected: client.ApiClient,
        target: Target,
        identity: str,
        timings: LeaseTimings | None = None,
        seconds: Callable[[], float] = boot_seconds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = connected
        self._target = target
        self._election = Election(identity, timings or LeaseTimings())
        self._seconds = seconds
        self._sleep = sleep
        self._elected = asyncio.Event()
        #: The previous holder of the Lease; None where it was free.
        self.predecessor: str | None = None
        self._seen_holder: str | None = None

    def seconds_left(self) -> float:
        """Return how long this operator may still write, without a request; 0 where it may not."""
        return self._election.seconds_left(self._seconds())

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
        """Release the Lease, so that another operator takes it at once. This operator writes nothing afterwards."""
        left = self.seconds_left()
        # From here on this operator may not write, even if the request fails.
        self._election = replace(self._election, is_ousted=True)
        if left <= 0:
            return
        try:
            async with asyncio.timeout(min(left, RELEASE_SECONDS)):
                if not await self._free():  # a cancelled renewal may have reached the server
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
        if not self._election.is_leader:
            await self._read()
        if not await self._act():  # another operator wrote it meanwhile
            await self._read()
            await self._act()

    async def _read(self) -> None:
        answer = await self._request("GET", None, self._request_timeout())
        found = api_responses.object_of(answer, self._target)
        self._election = self._election.observe(_record(found) if found else None, self._seconds())

    async def _act(self) -> bool:
        """Write the Lease, if the election says so; return False where it has changed since it was read."""
        began = self._seconds()
        move = self._election.decide(began)
        if move is Move.WAIT:
            return True
        answer = await self._write(move)
        if answer.status == HTTPStatus.CONFLICT or api_responses.is_missing(answer, self._target):
            return False
        written = api_responses.object_of(answer, self._target)
        assert written is not None  # noqa: S101  # a missing Lease has returned above
        if self._election.decide(self._seconds()) is not Move.WAIT:  # else the answer came too late
            self._election = self._election.after_write(_record(written), began, self._seconds())
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
        return min(timings.renew_deadline / 2, self.seconds_left() or timings.renew_deadline)

    def _pause(self) -> float:
        timings = self._election.timings
        if self._election.is_leader:
            return min(timings.retry_period, self.seconds_left())
        return timings.look_period

    def _report_changes(self) -> None:
        if self._election.is_leader and not self._elected.is_set():
            log.info("lease taken", lease=str(self._target), before=self.predecessor)
            self._elected.set()
        elif not self._election.is_leader and self._holder != self._seen_holder:
            log.info("standing by", lease=str(self._target), holder=self._holder)
            self._seen_holder = self.predecessor = self._holder

    @property
    def _holder(self) -> str | None:
        record = self._election.record
        return record.holder if record and record.holder else None


def _record(lease: Json) -> LeaseRecord:
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
