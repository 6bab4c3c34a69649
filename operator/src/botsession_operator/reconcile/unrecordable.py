"""Sessions of which no finish can be recorded: their spec cannot be read, or the API server refuses every status."""

from dataclasses import replace
from datetime import datetime

from loguru import logger as log

from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.decide import orphans
from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe import parse
from botsession_operator.core.observe.observed import Key, Observed, PodState, SessionMetadata
from botsession_operator.core.status import unreadable_session
from botsession_operator.errors import RequestRefused
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.finalizers import delete_and_release_pod, pods_of


async def handle_unreadable(key: Key, why: SpecError, deps: Deps) -> datetime | None:
    """Release a session whose spec cannot be read, if it is to end; else record what is wrong, and raise `why`."""
    deps.supervisors.forget(key)
    raw = await deps.cluster.session(key)
    session = parse.parse_metadata(raw) if raw else None
    if session is None:
        return None
    if not (session.is_deleting or deps.is_uninstalling):
        await _report_unreadable(session, raw or {}, why, deps)
        raise why
    return await _release_without_record(session, str(why), deps)


async def end_unrecorded(observed: Observed, plan: Plan, deps: Deps) -> datetime:
    """End a session whose every status is refused: delete its pod, whose bot then ends on the SIGTERM.

    The pod keeps its finalizer until the session is deleted. Without the pod, and without a status, the next pass would
    take the session for a new one, and start it again.
    """
    session, pod, now = observed.session, observed.pod, deps.clock.now()
    if session.is_deleting or deps.is_uninstalling:
        return await _release_without_record(session, "its status is refused", deps) or now + deps.timeouts.slow_requeue
    if plan.intent and pod and pod.state is not PodState.TERMINATED:
        deletion = replace(orphans.plan_orphan(pod, now, deps.timeouts), release_pod=False)
        await delete_and_release_pod(deletion, pod, session.identity, deps)
    return now + deps.timeouts.slow_requeue


async def _release_without_record(session: SessionMetadata, why: str, deps: Deps) -> datetime | None:
    """Delete and release the session's pods, then the session; return when the next pass is due, if one is."""
    pods = await pods_of(session.key, deps)
    for pod, owner in pods:
        await delete_and_release_pod(orphans.plan_orphan(pod, deps.clock.now(), deps.timeouts), pod, owner, deps)
    if pods:
        return deps.clock.now() + deps.timeouts.create_retry
    if session.has_finalizer:
        await deps.cluster.set_session_finalizers(session, session.without_finalizer)
        log.warning("session released without a record", why=why)
    return None


async def _report_unreadable(session: SessionMetadata, raw: Json, why: SpecError, deps: Deps) -> None:
    generation = raw["metadata"].get("generation", 1)
    status = unreadable_session.refused_status(raw.get("status"), generation, str(why), deps.clock.now())
    if status and await _write_if_accepted(session, status, deps):
        await deps.cluster.record_event(session, unreadable_session.refusal(str(why)))


async def _write_if_accepted(session: SessionMetadata, status: Json, deps: Deps) -> bool:
    """Write a status; return whether it was written. Parts of it are from others, so the API server may refuse it."""
    try:
        return await deps.cluster.write_status(session.key, session.resource_version, status)
    except RequestRefused as exc:
        log.warning("condition refused", error=str(exc))
        return False
