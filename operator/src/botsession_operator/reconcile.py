"""One pass over one session: gather, plan, apply, write status, tell."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from loguru import logger as log

from botsession_contract.credentials import token_digest
from botsession_contract.lifecycle import Phase
from botsession_operator.api.fitting import fitted
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.api.status import Status
from botsession_operator.core.clock import Clock
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.decide import earlier_answers, eviction, exposure, orphans
from botsession_operator.core.decide.eviction import BudgetChange
from botsession_operator.core.decide.exposure import ExposureChange
from botsession_operator.core.decide.plan import ControllerTimeouts, Plan, make_plan
from botsession_operator.core.manifests import service_and_route
from botsession_operator.core.manifests.disruption_budget import build_budget
from botsession_operator.core.manifests.pod import PodSettings, build_pod
from botsession_operator.core.manifests.security_context import as_non_root
from botsession_operator.core.manifests.service_and_route import Exposure
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe import ownership, parse
from botsession_operator.core.observe.observed import (
    Freshness,
    Key,
    NoSnapshot,
    Observed,
    Pod,
    PodState,
    Reading,
    Session,
    SessionMetadata,
    WaitingReason,
)
from botsession_operator.core.session_key import SessionIdentity
from botsession_operator.core.status import coalescing, unreadable_session
from botsession_operator.core.status.derive import Applied, derive_status
from botsession_operator.core.status.k8s_events import undelivered
from botsession_operator.errors import (
    BudgetRefused,
    Conflict,
    ExposureRefused,
    NotOurs,
    PodRefused,
    Refused,
    RequestRefused,
    StatusRefused,
)
from botsession_operator.host_ports import HostPorts
from botsession_operator.metrics import Metrics
from botsession_operator.ports import Cluster, Supervisors
from botsession_operator.refusals import Creation, Refusals
from botsession_operator.status_recorder import Recorder, StatusWrites
from botsession_operator.webhook_dispatcher import WebhookDispatcher

#: Sessions are reached inside the cluster, and no route leads there from outside.
IN_THE_CLUSTER: Final = Exposure()
#: The supervisor does not run, or nobody needs it any more.
NO_SUPERVISOR: Final = Reading(NoSnapshot.NOT_ASKED, Freshness.CURRENT)


@dataclass(frozen=True, slots=True)
class Deps:
    """What a pass works with."""

    cluster: Cluster
    control: Supervisors
    clock: Clock
    metrics: Metrics
    limits: ControllerTimeouts
    refusals: Refusals
    pods: PodSettings
    #: The operator's keys, from which each session's token is derived.
    control_keys: ControlKeys
    exposure: Exposure = IN_THE_CLUSTER
    #: The operator is being uninstalled: every session is to end.
    is_uninstalling: bool = False
    #: None where nobody wants to hear of sessions.
    deliveries: WebhookDispatcher | None = None
    #: What this operator remembers of the statuses that it has written.
    writes: StatusWrites = field(default_factory=StatusWrites)
    #: What this operator knows of the ports of nodes.
    host_ports: HostPorts = field(default_factory=HostPorts)
    #: Called with a session that is gone.
    forget: Callable[[Key], None] = lambda _: None


async def reconcile(key: Key, deps: Deps) -> datetime | None:
    """Bring one session closer to what it should be; give the time of the next look, None when none is needed."""
    try:
        observed = await gather(key, deps)
    except SpecError as exc:
        return await _let_unreadable_go(key, exc, deps)
    if observed is None:
        _forget(key, deps)
        return None
    await _recorder(deps).tell_of_lost_answer(observed.session)
    plan = make_plan(observed, deps.clock.now(), deps.limits)
    if not earlier_answers.is_enough(observed, plan):
        return await _wait_for_answer(plan, observed, deps)
    observed, applied = await apply(plan, observed, deps)
    if plan.wanted and observed.control is NoSnapshot.UNREACHABLE:
        deps.control.hurry(key)
    if plan.end or plan.adjust:  # the status is written with the answer
        return _next_look(plan, observed, applied, None, deps)
    status = derive_status(observed, plan, applied, deps.clock.now())
    try:
        waits_until = await _record(observed, status, deps)
    except StatusRefused:
        return await _end_unrecorded(observed, plan, deps)
    if plan.release_session:
        _forget(key, deps)
    else:
        deps.metrics.show(key, status.phase)
    return _next_look(plan, observed, applied, waits_until, deps)


async def _wait_for_answer(plan: Plan, observed: Observed, deps: Deps) -> datetime | None:
    """Leave the session to the pass that comes with its supervisor's answer; send only what a user waits for."""
    session, pod = observed.session, observed.pod
    deps.metrics.show(session.key, session.status.phase if session.status else Phase.PENDING)
    if pod and earlier_answers.may_send(plan):
        await _send_requests(plan, pod, session, deps)
    elif earlier_answers.concludes_from_silence(observed, plan):
        deps.control.insist(session.key)
    elif plan.wanted:
        deps.control.hurry(session.key)
    return plan.requeue_at


async def _record(observed: Observed, status: Status, deps: Deps) -> datetime | None:
    """Write what is new, or give the time at which it will be. Raise StatusRefused where nothing of it is taken."""
    fit = status if status == observed.session.status else fitted(status)
    if fit == observed.session.status:
        return None
    now = deps.clock.now()
    due = deps.writes.due(observed.session, fit, coalescing.write_due_at(observed, fit, deps.limits))
    if due > now:
        return due
    await _recorder(deps).record(observed.session, fit, now)
    return None


def _recorder(deps: Deps) -> Recorder:
    return Recorder(deps.cluster, deps.metrics, deps.writes)


async def _end_unrecorded(observed: Observed, plan: Plan, deps: Deps) -> datetime:
    """Have a session end, and go, of which nothing can be recorded: its pod ends by itself on the SIGTERM.

    A pod is only released with a session that is deleted. Else the next pass could not tell that there ever was one.
    """
    session, pod, now = observed.session, observed.pod, deps.clock.now()
    if session.is_deleting or deps.is_uninstalling:
        return await _clear_out(session, "its status is refused", deps) or now + deps.limits.slow_requeue
    if plan.wanted and pod and pod.state is not PodState.TERMINATED:
        parting = replace(orphans.plan_orphan(pod, now, deps.limits), release_pod=False)
        await _release_finalizer(parting, pod, session.identity, deps)
    return now + deps.limits.slow_requeue


def _next_look(
    plan: Plan, observed: Observed, applied: Applied, waits_until: datetime | None, deps: Deps
) -> datetime | None:
    """Return the plan's next look, or an earlier one where something waits or did not go through."""
    looks = [plan.requeue_at, waits_until]
    if applied.refusal or applied.budget_refusal or applied.exposure_refusal:
        looks.append(deps.refusals.retry_at(observed.session.key))
    looks.append(deps.control.retry_at(observed.session.key))
    return min((look for look in looks if look), default=None)


async def gather(key: Key, deps: Deps) -> Observed | None:
    """Read the session, its pod and its supervisor; None when there is no such session."""
    raw = await deps.cluster.session(key)
    session = parse.parse_session(raw) if raw else None
    found = await _pod(session, deps) if session else None
    if session is None or (session.status is None and found is None):
        await _release_orphans(key, session, deps)
    if session is None:
        return None
    pod = found if found and found.owner == session.identity else None
    deps.host_ports.note(key, pod)
    reading = _read_supervisor(session, pod, deps)
    return Observed(
        session=session,
        pod=pod,
        control=reading.control,
        has_budget=await _has_budget(session, deps),
        is_exposed=await _is_exposed(session, deps),
        url=service_and_route.url(session, deps.exposure),
        is_uninstalling=deps.is_uninstalling,
        deliveries=deps.deliveries.attempts(session) if deps.deliveries else {},
        freshness=reading.freshness,
        ending_heard_at=reading.ending_heard_at,
        is_pod_name_taken=found is not pod,
    )


async def apply(plan: Plan, observed: Observed, deps: Deps) -> tuple[Observed, Applied]:
    """Carry out a plan in its order; give what is now known better than before."""
    session, pod = observed.session, observed.pod
    if plan.hold_session:
        session = await _hold(session, deps)
    applied = Applied()
    if plan.exposure:
        applied = await _change_exposure(plan.exposure, session, deps)
    if plan.create_pod:
        applied = await _create_pod(session, observed, applied, deps)
    if pod:
        await _send_requests(plan, pod, session, deps)
        await _release_finalizer(plan, pod, session.identity, deps)
    if plan.budget:
        applied = await _change_budget(plan.budget, session, applied, deps)
    if pod and plan.end_sidecars:
        await deps.cluster.end_sidecars(pod)
        log.info("sidecars ended", pod=f"{pod.namespace}/{pod.name}")
    if plan.release_session:
        await deps.cluster.set_session_finalizers(session, session.without_finalizer)
    if plan.delete_session:
        await deps.cluster.delete_session(session)
        log.info("finished session deleted")
    if deps.deliveries:
        await _notify(plan, observed, deps.deliveries, deps)
    made = None if applied.budget_refusal else plan.budget
    exposed = None if applied.exposure_refusal else plan.exposure
    known = exposure.after(replace(observed, session=session), exposed)
    return eviction.after(known, made), applied


async def _notify(plan: Plan, observed: Observed, deliveries: WebhookDispatcher, deps: Deps) -> None:
    """Begin to send what is due, and tell of what will never be sent. What became of it is for another pass."""
    for event in plan.deliver:
        deliveries.send(observed.session, event)
    for event in plan.give_up:
        deliveries.give_up(observed.session, event)
        await deps.cluster.record_event(observed.session, undelivered(event, observed.deliveries[event]))


def _forget(key: Key, deps: Deps) -> None:
    """Keep nothing of a session that is gone, or that only others hold."""
    deps.metrics.show(key, None)
    deps.control.forget(key)
    deps.forget(key)
    deps.host_ports.forget(key)
    deps.refusals.forget(key)
    deps.writes.forget(key)
    if deps.deliveries:
        deps.deliveries.forget(key)


async def _has_budget(session: Session, deps: Deps) -> bool:
    if not eviction.may_have_budget(session):
        return False
    budget = build_budget(session)
    found = await deps.cluster.budget(session.key.namespace, budget["metadata"]["name"])
    return found is not None and ownership.is_owned_alike(found, budget)


async def _is_exposed(session: Session, deps: Deps) -> bool:
    expose = session.spec.expose
    return expose is not None and await deps.cluster.has_object(service_and_route.build_service(session, expose))


def _read_supervisor(session: Session, pod: Pod | None, deps: Deps) -> Reading:
    if session.is_finished:
        deps.refusals.forget(session.key)
    if pod is None or session.is_finished or pod.state is not PodState.RUNNING or pod.address is None:
        deps.control.forget(session.key)
        return NO_SUPERVISOR
    return deps.control.read(session.key, pod, _token(session, pod, deps))


async def _send_requests(plan: Plan, pod: Pod, session: Session, deps: Deps) -> None:
    """Have the supervisor told what it does not know; the pass that comes with its answer goes on from there."""
    if plan.end:
        log.info("end requested", cause=plan.end.cause, mode=plan.end.mode)
        await deps.control.end(session.key, pod, _token(session, pod, deps), plan.end)
    elif plan.adjust:
        await deps.control.adjust(session.key, pod, _token(session, pod, deps), plan.adjust)


async def _release_finalizer(plan: Plan, pod: Pod, owner: SessionIdentity, deps: Deps) -> None:
    """Delete and release a pod of this session; raise NotOurs for any other."""
    if pod.owner != owner:
        raise NotOurs(f"pod {pod.namespace}/{pod.name} does not belong to session {owner.key}")
    if plan.delete_pod:
        await deps.cluster.delete_pod(pod, plan.delete_pod)
        log.info("pod deleted", pod=f"{pod.namespace}/{pod.name}", how=plan.delete_pod.name)
    if plan.release_pod:
        fresh = await _fresh(pod, deps) if plan.delete_pod else pod
        if fresh:
            await _release(fresh, owner, deps)


async def _release_orphans(key: Key, session: Session | None, deps: Deps) -> None:
    """Let pods go whose session went without us, its finalizer taken off by hand: nobody is left to report to.

    Looked for where a session is gone or new, so that a new one of the same name does not hide them.
    """
    for pod, owner in await _pods_of(key, deps):
        if pod.has_finalizer and not (session and owner == session.identity):
            await _release(pod, owner, deps)
            log.warning("orphaned pod released", pod=f"{pod.namespace}/{pod.name}")


async def _let_unreadable_go(key: Key, why: SpecError, deps: Deps) -> datetime | None:
    """Let a session go that cannot be read; raise `why` where it is still wanted, and only told what is wrong."""
    deps.control.forget(key)
    raw = await deps.cluster.session(key)
    known = parse.parse_metadata(raw) if raw else None
    if known is None:
        return None
    if not (known.is_deleting or deps.is_uninstalling):
        await _tell_unreadable(known, raw or {}, why, deps)
        raise why
    return await _clear_out(known, str(why), deps)


async def _clear_out(known: SessionMetadata, why: str, deps: Deps) -> datetime | None:
    """Let a session go of which nothing can be recorded, and before it its pods; give the time of the next look."""
    pods = await _pods_of(known.key, deps)
    for pod, owner in pods:
        await _release_finalizer(orphans.plan_orphan(pod, deps.clock.now(), deps.limits), pod, owner, deps)
    if pods:
        return deps.clock.now() + deps.limits.create_retry
    if known.has_finalizer:
        await deps.cluster.set_session_finalizers(known, known.without_finalizer)
        log.warning("session let go without a record", why=why)
    return None


async def _tell_unreadable(known: SessionMetadata, raw: Json, why: SpecError, deps: Deps) -> None:
    generation = raw["metadata"].get("generation", 1)
    status = unreadable_session.refused_status(raw.get("status"), generation, str(why), deps.clock.now())
    if status and await _may_write(known, status, deps):
        await deps.cluster.record_event(known, unreadable_session.refusal(str(why)))


async def _may_write(known: SessionMetadata, status: Json, deps: Deps) -> bool:
    """Write a status that is not all our own: the API server may refuse what else is in it."""
    try:
        return await deps.cluster.write_status(known.key, known.resource_version, status)
    except RequestRefused as exc:
        log.warning("condition refused", error=str(exc))
        return False


async def _pod(session: Session, deps: Deps) -> Pod | None:
    """Read the pod that has the name of the session's pod, whatever owner it has."""
    raw = await deps.cluster.pod(session.key.namespace, pod_name(session.key.name, session.uid))
    return parse.parse_pod(raw) if raw else None


async def _pods_of(key: Key, deps: Deps) -> list[tuple[Pod, SessionIdentity]]:
    """Read the pods that belong to this session, or to an earlier one of its name; a label alone is no proof."""
    pods = [parse.parse_pod(each) for each in await deps.cluster.pods_labelled(key)]
    for pod in pods:
        if pod.owner is None and pod.has_finalizer:
            log.warning("pod of unclear owner left alone", pod=f"{pod.namespace}/{pod.name}")
    return [(pod, pod.owner) for pod in pods if pod.owner and pod.owner.key == key]


async def _release(pod: Pod, owner: SessionIdentity, deps: Deps) -> None:
    """Take our finalizer off a pod of this session: the one place that does. Raise NotOurs for any other pod."""
    if pod.owner != owner:
        raise NotOurs(f"pod {pod.namespace}/{pod.name} does not belong to session {owner.key}")
    await deps.cluster.set_pod_finalizers(pod, pod.without_finalizer)


async def _fresh(pod: Pod, deps: Deps) -> Pod | None:
    raw = await deps.cluster.pod(pod.namespace, pod.name)
    fresh = parse.parse_pod(raw) if raw else None
    return fresh if fresh and fresh.uid == pod.uid else None


async def _create_pod(session: Session, observed: Observed, applied: Applied, deps: Deps) -> Applied:
    if standing := deps.refusals.standing(session, Creation.POD):
        return replace(applied, refusal=standing)
    try:
        digest, ports = token_digest(deps.control_keys.token(session.uid)), deps.host_ports.choose(session)
        manifest = build_pod(session, digest, deps.pods, observed.url, ports)
        if observed.is_pod_name_taken:
            raise PodRefused(ConditionReason.NAME_TAKEN, ownership.name_taken(manifest))  # noqa: TRY301  # one way to refuse
        await _create_as_allowed(manifest, deps)
    except SpecError as exc:  # not tried again: neither the bot nor its pod's template can change
        return replace(applied, refusal=WaitingReason(ConditionReason.SPEC_REFUSED, str(exc)))
    except PodRefused as refusal:
        return replace(applied, refusal=_refused(session, Creation.POD, refusal, deps))
    deps.refusals.note_success(session, Creation.POD)
    log.info("pod created", pod=manifest["metadata"]["name"])
    return replace(applied, pod_name=manifest["metadata"]["name"])


async def _create_as_allowed(manifest: Json, deps: Deps) -> None:
    """Create the pod; where its namespace allows no root, create it so that it cannot be root."""
    try:
        await deps.cluster.create_pod(manifest)
    except PodRefused as refusal:
        stricter = as_non_root(manifest, refusal.message)
        if stricter is None:
            raise
        await deps.cluster.create_pod(stricter)


async def _change_exposure(change: ExposureChange, session: Session, deps: Deps) -> Applied:
    """Let callers in, or out of the way; the Service, whose presence tells that all is there, comes last."""
    if change is ExposureChange.CREATE and (standing := deps.refusals.standing(session, Creation.EXPOSURE)):
        return Applied(exposure_refusal=standing)
    do = deps.cluster.create_object if change is ExposureChange.CREATE else deps.cluster.delete_object
    try:
        for manifest in service_and_route.manifests(session, deps.exposure):
            await do(manifest)
    except ExposureRefused as refusal:
        return Applied(exposure_refusal=_refused(session, Creation.EXPOSURE, refusal, deps))
    deps.refusals.note_success(session, Creation.EXPOSURE)
    log.info("exposure changed", change=change.name)
    return Applied()


async def _change_budget(change: BudgetChange, session: Session, applied: Applied, deps: Deps) -> Applied:
    budget = build_budget(session)
    if change is BudgetChange.DELETE:
        await deps.cluster.delete_budget(budget)
        log.info("pod may be evicted")
        return applied
    if standing := deps.refusals.standing(session, Creation.BUDGET):
        return replace(applied, budget_refusal=standing)
    try:
        await deps.cluster.create_budget(budget)
    except BudgetRefused as refusal:
        return replace(applied, budget_refusal=_refused(session, Creation.BUDGET, refusal, deps))
    deps.refusals.note_success(session, Creation.BUDGET)
    log.info("pod protected from eviction")
    return applied


def _refused(session: Session, what: Creation, refusal: Refused, deps: Deps) -> WaitingReason:
    """Remember a refusal, so that the object is tried again with back-off; return it for the status."""
    log.bind(reason=refusal.reason, message=str(refusal)).warning(what.value)
    return deps.refusals.note(session, what, WaitingReason(refusal.reason, refusal.message))


async def _hold(session: Session, deps: Deps) -> Session:
    """Put our finalizer on the session; raise Conflict where it is gone, so that no bot starts for it."""
    version = await deps.cluster.set_session_finalizers(session, session.with_finalizer)
    if version is None:
        raise Conflict(f"{session.key} was deleted after it was read")
    return replace(session, finalizers=session.with_finalizer, resource_version=version)


def _token(session: Session, pod: Pod, deps: Deps) -> str:
    return deps.control_keys.token(session.uid, pod.token_sha256)
