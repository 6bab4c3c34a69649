"""Our finalizers: a session gets one before its pod, and a pod keeps its own until its report is read."""

from dataclasses import replace

from loguru import logger as log

from botsession_operator.api.spec import Json
from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe import parse
from botsession_operator.core.observe.observed import Key, Pod, Session
from botsession_operator.core.session_key import SessionIdentity
from botsession_operator.errors import Conflict, NotOurs
from botsession_operator.reconcile.deps import Deps


async def add_session_finalizer(session: Session, deps: Deps) -> Session:
    """Add our finalizer to the session; raise Conflict where the session is gone, so that no bot starts for it."""
    version = await deps.cluster.set_session_finalizers(session, session.with_finalizer)
    if version is None:
        raise Conflict(f"{session.key} was deleted after it was read")
    return replace(session, finalizers=session.with_finalizer, resource_version=version)


async def delete_and_release_pod(plan: Plan, pod: Pod, owner: SessionIdentity, deps: Deps) -> None:
    """Delete a pod of this session, and remove its finalizer, as the plan says; raise NotOurs for any other pod."""
    if pod.owner != owner:
        raise NotOurs(f"pod {pod.namespace}/{pod.name} does not belong to session {owner.key}")
    fresh: Pod | None = pod
    if plan.delete_pod:
        deleted = await deps.cluster.delete_pod(pod, plan.delete_pod)
        log.info("pod deleted", pod=f"{pod.namespace}/{pod.name}", how=plan.delete_pod.name)
        fresh = await _after_deletion(pod, deleted, deps) if plan.release_pod else None
    if plan.release_pod and fresh:
        await remove_pod_finalizer(fresh, owner, deps)


async def release_orphans(key: Key, session: Session | None, deps: Deps) -> None:
    """Remove our finalizer from pods whose session is gone, because somebody removed its finalizer by hand.

    Called where a session is gone or new. Otherwise a new session of the same name would hide the pods of the old one.
    """
    for pod, owner in await pods_of(key, deps):
        if pod.has_finalizer and not (session and owner == session.identity):
            await remove_pod_finalizer(pod, owner, deps)
            log.warning("orphaned pod released", pod=f"{pod.namespace}/{pod.name}")


async def remove_pod_finalizer(pod: Pod, owner: SessionIdentity, deps: Deps) -> None:
    """Remove our finalizer from a pod of this session; raise NotOurs for any other pod. No other function does it."""
    if pod.owner != owner:
        raise NotOurs(f"pod {pod.namespace}/{pod.name} does not belong to session {owner.key}")
    await deps.cluster.set_pod_finalizers(pod, pod.without_finalizer)


async def pods_of(key: Key, deps: Deps) -> list[tuple[Pod, SessionIdentity]]:
    """Return the pods that this session, or an earlier one of its name, owns. Our label alone does not prove that."""
    pods = [parse.parse_pod(each) for each in await deps.cluster.pods_labelled(key)]
    for pod in pods:
        if pod.owner is None and pod.has_finalizer:
            log.warning("pod of unclear owner left alone", pod=f"{pod.namespace}/{pod.name}")
    return [(pod, pod.owner) for pod in pods if pod.owner and pod.owner.key == key]


async def _after_deletion(pod: Pod, deleted: Json | None, deps: Deps) -> Pod | None:
    """Return the pod from the answer to its deletion, or from a read where there was none; None where it is gone."""
    raw = deleted or await deps.cluster.pod(pod.namespace, pod.name)
    fresh = parse.parse_pod(raw) if raw else None
    return fresh if fresh and fresh.uid == pod.uid else None
