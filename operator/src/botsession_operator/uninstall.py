"""Uninstall the operator: wait until all sessions have ended, then remove all finalizers.

The usual passes end the sessions; see `Deps.is_uninstalling`. Each step may be repeated, so an interrupted
uninstallation can be started again.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

from loguru import logger as log

from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.decide.uninstall import NO_EVENTS, RemainingWork, merge_remaining, remaining_work
from botsession_operator.core.observe.observed import Pod, SessionMetadata
from botsession_operator.core.observe.parse import parse_metadata, parse_pod
from botsession_operator.core.observe.webhook_delivery import EventType
from botsession_operator.errors import ClusterUnavailable, RequestRefused, TransientError
from botsession_operator.ports import SessionWriter, UninstallClient

READ_INTERVAL = timedelta(seconds=1)
#: Listing thousands of sessions takes time from the passes that end them. So each wait is this many times longer.
REST_FACTOR = 9
#: A minute. In that time a receiver that does not answer gets four attempts, one that refuses gets six.
MAX_QUIET_READS = 60
#: Before the first read.
UNKNOWN = RemainingWork(to_end=("unknown",))
#: How often to try to remove all finalizers: a kubelet may write the same pods and cause conflicts.
ATTEMPTS = 20
#: How many objects are released at once.
MAX_CONCURRENT = 16
#: Errors on one object, after which the others are still released.
_RETRYABLE = (TransientError, RequestRefused)
#: How many of the remaining sessions a log line names.
MAX_NAMES = 10


async def wait_for_ends(
    client: UninstallClient,
    timeout: timedelta,
    interval: timedelta = READ_INTERVAL,
    events: frozenset[EventType] = NO_EVENTS,
) -> None:
    """Return when all sessions have ended, the webhook has its events, and the pods are gone; or after the timeout.

    Where only the webhook's events are left, return after MAX_QUIET_READS without progress, so that a dead receiver
    does not block Helm. The statuses record which events are pending, and the next operator sends them.
    """
    left, quiet_reads = UNKNOWN, 0
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            while left.to_end or (left.to_deliver and quiet_reads < MAX_QUIET_READS):
                before, began = left, time.monotonic()
                left = await _read_left(client, left, events)
                quiet_reads = quiet_reads + 1 if left == before else 0
                took = time.monotonic() - began
                await asyncio.sleep(max(interval.total_seconds(), took * REST_FACTOR))
    except TimeoutError:
        log.warning("sessions did not end in time", left=left.to_end, waited_s=timeout.total_seconds())
    if left.to_deliver:
        log.warning("events not delivered before the operator goes", left=left.to_deliver)


async def release_all_finalizers(
    client: UninstallClient, cluster: SessionWriter, wait: timedelta = READ_INTERVAL
) -> None:
    """Remove our finalizers from all pods and sessions, since no operator is left to do it.

    A pod that still runs is deleted with its own grace period: its supervisor walks the whole ladder, but no operator
    records the result.
    """
    for _ in range(ATTEMPTS):
        pods = [pod async for pod in _pods(client) if pod.has_finalizer]
        sessions = [session async for session in _sessions(client) if session.has_finalizer]
        tasks = [_release_pod(each, cluster) for each in pods]
        tasks += [_release_session(each, cluster) for each in sessions]
        if not tasks:
            return
        for first in range(0, len(tasks), MAX_CONCURRENT):
            await asyncio.gather(*tasks[first : first + MAX_CONCURRENT])
        await asyncio.sleep(wait.total_seconds())
    raise ClusterUnavailable("the finalizers could not be removed")


async def _read_left(client: UninstallClient, before: RemainingWork, events: frozenset[EventType]) -> RemainingWork:
    try:
        parts = [remaining_work([each], [], events) async for each in client.sessions()]
        parts += [remaining_work([], [each], events) async for each in client.pod_metadata()]
        left = merge_remaining(parts)
    except _RETRYABLE as exc:
        log.warning("sessions could not be read", error=str(exc))
        return before
    if left != before:
        names = left.to_end + left.to_deliver
        log.info("sessions end", left=len(left.to_end), untold=len(left.to_deliver), among_them=names[:MAX_NAMES])
    return left


async def _pods(client: UninstallClient) -> AsyncIterator[Pod]:
    async for each in client.pod_metadata():
        yield parse_pod(each)


async def _sessions(client: UninstallClient) -> AsyncIterator[SessionMetadata]:
    async for each in client.session_metadata():
        yield parse_metadata(each)


async def _release_pod(pod: Pod, cluster: SessionWriter) -> None:
    """Delete a session's pod, or remove our finalizer from a pod that is being deleted or that no session owns."""
    try:
        if pod.owner and not pod.is_deleting:
            await cluster.delete_pod(pod, PodDeletion.NORMAL)
            log.warning("pod deleted before its report came", pod=f"{pod.namespace}/{pod.name}")
        else:
            await cluster.set_pod_finalizers(pod, pod.without_finalizer)
    except _RETRYABLE as exc:
        log.debug("pod not released yet", pod=f"{pod.namespace}/{pod.name}", error=str(exc))


async def _release_session(session: SessionMetadata, cluster: SessionWriter) -> None:
    try:
        await cluster.set_session_finalizers(session, session.without_finalizer)
    except _RETRYABLE as exc:
        log.debug("session not released yet", session=str(session.key), error=str(exc))
