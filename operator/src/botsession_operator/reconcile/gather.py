"""Read all that a plan is made from: the session, its pod and other objects, its supervisor."""

from botsession_operator.core.decide import eviction
from botsession_operator.core.manifests import service_and_route
from botsession_operator.core.manifests.disruption_budget import build_budget
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe import ownership, parse
from botsession_operator.core.observe.observed import Key, Observed, Pod, PodState, Reading, Session
from botsession_operator.reconcile.control_requests import NO_SUPERVISOR, read_supervisor
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.finalizers import release_orphans
from botsession_operator.watch_store import WatchStore


def is_gone(key: Key, store: WatchStore) -> bool:
    """Return whether the watch has reported the deletion of the last session of this key, and it left no orphan."""
    return store.is_gone(key) and not _may_have_orphans(key, None, None, store)


async def gather_from_store(key: Key, store: WatchStore, deps: Deps) -> Observed | None:
    """Return the observation of a session from the watch store; None where the store does not have enough."""
    session = store.session(key)
    if session is None or not store.is_trusted(key) or _may_have_orphans(key, session, None, store):
        return None
    place = (key.namespace, pod_name(key.name, session.uid))
    if store.is_outdated_pod(*place):
        return None
    found = store.pod(*place)
    # A pod that is missing in the store may exist, so its supervisor is not forgotten.
    is_unknown = found is None and not session.is_finished
    reading = NO_SUPERVISOR if is_unknown else read_supervisor(session, _own(found, session), deps)
    return await _observe(session, found, reading, deps)


async def gather(key: Key, deps: Deps, stored: Observed | None = None) -> Observed | None:
    """Read the session and its pod live, and its supervisor; return None where there is no such session.

    `stored` is what the same pass has gathered from the store. Its reading of the supervisor is used again.
    """
    raw = await deps.cluster.session(key)
    session = parse.parse_session(raw) if raw else None
    found = await _read_pod(session, deps) if session else None
    if _may_have_orphans(key, session, found, deps.store):
        await release_orphans(key, session, deps)
    if session is None:
        return None
    pod = _own(found, session)
    if stored and _is_same_supervisor(stored, pod):
        reading = Reading(stored.snapshot, stored.freshness, stored.ending_heard_at, stored.is_heard)
    else:
        reading = read_supervisor(session, pod, deps)
    return await _observe(session, found, reading, deps)


async def _observe(session: Session, found: Pod | None, reading: Reading, deps: Deps) -> Observed:
    pod = _own(found, session)
    deps.host_ports.note(session.key, pod)
    return Observed(
        session=session,
        pod=pod,
        snapshot=reading.snapshot,
        has_budget=await _has_budget(session, deps),
        is_exposed=await _is_exposed(session, deps),
        url=service_and_route.url(session, deps.exposure),
        is_uninstalling=deps.is_uninstalling,
        deliveries=deps.webhook.attempts(session) if deps.webhook else {},
        freshness=reading.freshness,
        ending_heard_at=reading.ending_heard_at,
        is_heard=reading.is_heard,
        is_pod_name_taken=found is not pod,
    )


def _own(found: Pod | None, session: Session) -> Pod | None:
    """Return the pod that has the name of the session's pod, if it is the session's."""
    return found if found and found.owner == session.identity else None


def _may_have_orphans(key: Key, session: Session | None, found: Pod | None, store: WatchStore | None) -> bool:
    """Return whether an earlier session of this name, deleted without the operator, may have left a pod.

    The watch store has such pods. Without a store, they are searched for where a session is gone or new.
    """
    if store is None:
        return session is None or (session.status is None and found is None)
    owner = session.identity if session else None
    return any(pod.has_finalizer and pod.owner != owner for pod in store.pods_of(key))


def _is_same_supervisor(stored: Observed, pod: Pod | None) -> bool:
    """Return whether the pass has read the supervisor of this pod already."""
    if pod is None or stored.pod is None or stored.session.is_finished:
        return False
    asked = (stored.pod.uid, stored.pod.address, stored.pod.state)
    return asked == (pod.uid, pod.address, PodState.RUNNING)


async def _read_pod(session: Session, deps: Deps) -> Pod | None:
    """Return the pod that has the name of the session's pod, whoever owns it."""
    raw = await deps.cluster.pod(session.key.namespace, pod_name(session.key.name, session.uid))
    return parse.parse_pod(raw) if raw else None


async def _has_budget(session: Session, deps: Deps) -> bool:
    if not eviction.may_have_budget(session):
        return False
    budget = build_budget(session)
    found = await deps.cluster.budget(session.key.namespace, budget["metadata"]["name"])
    return found is not None and ownership.is_owned_alike(found, budget)


async def _is_exposed(session: Session, deps: Deps) -> bool:
    expose = session.spec.expose
    return expose is not None and await deps.cluster.has_object(service_and_route.build_service(session, expose))
