"""Our finalizers: a session gets one before its pod, and a pod keeps its own until its report is read."""

from dataclasses import replace

from loguru import logger as log

from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe import parse
from botsession_operator.core.observe.observed import Key, Pod, Session
from botsession_operator.core.session_key import SessionIdentity
from botsession_operator.errors import Conflict, NotOurs
from botsession_operator.reconcile.deps import Deps


async def add_session_finalizer(session: Session, deps: Deps) -> Session:
    """Put our finalizer on the session; raise Conflict where it is gone, so that no bot starts for it."""
    version = await deps.cluster.set_session_finalizers(session, session.with_finalizer)
    if version is None:
        raise Conflict(f"{session.key} was deleted after it was read")
    return replace(session, finalizers=session.with_finalizer, resource_version=version)


async def delete_and_release_pod(plan: Plan, pod: Pod, owner: SessionIdentity, deps: Deps) -> None:
    """Delete and release a pod of this session; raise NotOurs for any other."""
    if pod.owner != owner:
        raise NotOurs(f"pod {pod.namespace}/{pod.name} does not belong to session {owner.key}")
    if plan.delete_pod:
        await deps.cluster.delete_pod(pod, plan.delete_pod)
        log.info("pod deleted", pod=f"{pod.namespace}/{pod.name}", how=plan.delete_pod.name)
    if plan.release_pod:
        fresh = await _read_again(pod, deps) if plan.delete_pod else pod
        if fresh:
            await remove_pod_finalizer(fresh, owner, deps)


async def release_orphans(key: Key, session: Session | None, deps: Deps) -> None:
    """Let pods go whose session went without us, its finalizer taken off by hand: nobody is left to report to.

    Looked for where a session is gone or new, so that a new one of the same name does not hide them.
    """
    for pod, owner in await pods_of(key, deps):
        if pod.has_finalizer and not (session and owner == session.identity):
            await remove_pod_finalizer(pod, owner, deps)
            log.warning("orphaned pod released", pod=f"{pod.namespace}/{pod.name}")


async def remove_pod_finalizer(pod: Pod, owner: SessionIdentity, deps: Deps) -> None:
    """Take our finalizer off a pod of this session: the one place that does. Raise NotOurs for any other pod."""
    if pod.owner != owner:
        raise NotOurs(f"pod {pod.namespace}/{pod.name} does not belong to session {owner.key}")
    await deps.cluster.set_pod_finalizers(pod, pod.without_finalizer)


async def pods_of(key: Key, deps: Deps) -> list[tuple[Pod, SessionIdentity]]:
    """Read the pods that belong to this session, or to an earlier one of its name; a label alone is no proof."""
    pods = [parse.parse_pod(each) for each in await deps.cluster.pods_labelled(key)]
    for pod in pods:
        if pod.owner is None and pod.has_finalizer:
            log.warning("pod of unclear owner left alone", pod=f"{pod.namespace}/{pod.name}")
    return [(pod, pod.owner) for pod in pods if pod.owner and pod.owner.key == key]


async def _read_again(pod: Pod, deps: Deps) -> Pod | None:
    raw = await deps.cluster.pod(pod.namespace, pod.name)
    fresh = parse.parse_pod(raw) if raw else None
    return fresh if fresh and fresh.uid == pod.uid else None
