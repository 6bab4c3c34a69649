"""Read all that a plan is made from: the session, its pod and other objects, its supervisor."""

from botsession_operator.core.decide import eviction
from botsession_operator.core.manifests import service_and_route
from botsession_operator.core.manifests.disruption_budget import build_budget
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe import ownership, parse
from botsession_operator.core.observe.observed import Key, Observed, Pod, Session
from botsession_operator.reconcile.control_requests import read_supervisor
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.finalizers import release_orphans


async def gather(key: Key, deps: Deps) -> Observed | None:
    """Read the session and all that belongs to it; return None where there is no such session."""
    raw = await deps.cluster.session(key)
    session = parse.parse_session(raw) if raw else None
    found = await _read_pod(session, deps) if session else None
    if session is None or (session.status is None and found is None):
        await release_orphans(key, session, deps)
    if session is None:
        return None
    pod = found if found and found.owner == session.identity else None
    deps.host_ports.note(key, pod)
    reading = read_supervisor(session, pod, deps)
    return Observed(
        session=session,
        pod=pod,
        control=reading.control,
        has_budget=await _has_budget(session, deps),
        is_exposed=await _is_exposed(session, deps),
        url=service_and_route.url(session, deps.exposure),
        is_uninstalling=deps.is_uninstalling,
        deliveries=deps.webhook.attempts(session) if deps.webhook else {},
        freshness=reading.freshness,
        ending_heard_at=reading.ending_heard_at,
        is_pod_name_taken=found is not pod,
    )


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
