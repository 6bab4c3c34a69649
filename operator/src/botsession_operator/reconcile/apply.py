"""Carry out a plan."""

from dataclasses import replace

from loguru import logger as log

from botsession_operator.core.decide import eviction, exposure
from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.status.derive import Applied
from botsession_operator.core.status.k8s_events import undelivered
from botsession_operator.reconcile.child_objects import change_budget, change_exposure, create_pod
from botsession_operator.reconcile.control_requests import send_control_requests
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.finalizers import add_session_finalizer, delete_and_release_pod
from botsession_operator.webhook_dispatcher import WebhookDispatcher


async def apply(plan: Plan, observed: Observed, deps: Deps) -> tuple[Observed, Applied]:
    """Carry out a plan, step by step; return the observation with what the plan has changed, and what was refused."""
    session, pod = observed.session, observed.pod
    if plan.add_finalizer:
        session = await add_session_finalizer(session, deps)
    applied = Applied()
    if plan.exposure:
        applied = await change_exposure(plan.exposure, session, deps)
    if plan.create_pod:
        applied = await create_pod(session, observed, applied, deps)
    if pod:
        await send_control_requests(plan, pod, session, deps)
        await delete_and_release_pod(plan, pod, session.identity, deps)
    if plan.budget:
        applied = await change_budget(plan.budget, session, applied, deps)
    if pod and plan.end_sidecars:
        await deps.cluster.end_sidecars(pod)
        log.info("sidecars ended", pod=f"{pod.namespace}/{pod.name}")
    if plan.release_session:
        await deps.cluster.set_session_finalizers(session, session.without_finalizer)
    if plan.delete_session:
        await deps.cluster.delete_session(session)
        log.info("finished session deleted")
    if deps.webhook:
        await _send_webhook_events(plan, observed, deps.webhook, deps)
    budget_change = None if applied.budget_refusal else plan.budget
    exposure_change = None if applied.exposure_refusal else plan.exposure
    changed = exposure.with_change(replace(observed, session=session), exposure_change)
    return eviction.with_change(changed, budget_change), applied


async def _send_webhook_events(plan: Plan, observed: Observed, webhook: WebhookDispatcher, deps: Deps) -> None:
    """Start the deliveries that are due, and record an Event for each that is given up.

    A later pass reads what became of the deliveries.
    """
    for event in plan.deliver:
        webhook.send(observed.session, event)
    for event in plan.give_up:
        webhook.give_up(observed.session, event)
        await deps.cluster.record_event(observed.session, undelivered(event, observed.deliveries[event]))
