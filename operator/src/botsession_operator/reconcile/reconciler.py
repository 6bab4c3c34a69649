"""One pass over one session: gather, plan, apply, write the status, report."""

from dataclasses import replace
from datetime import datetime

from botsession_contract.lifecycle import Phase
from botsession_operator.api.fitting import fitted
from botsession_operator.api.spec import SpecError
from botsession_operator.api.status import Status
from botsession_operator.core.decide import earlier_answers, live_reads
from botsession_operator.core.decide.plan import Plan, make_plan
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe.observed import Freshness, Key, NoSnapshot, Observed
from botsession_operator.core.status import coalescing
from botsession_operator.core.status.derive import Applied, derive_status
from botsession_operator.errors import Conflict, StatusRefused
from botsession_operator.reconcile.apply import apply
from botsession_operator.reconcile.control_requests import send_control_requests
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.gather import gather, gather_from_store, is_gone
from botsession_operator.reconcile.unrecordable import end_unrecorded, handle_unreadable
from botsession_operator.status_recorder import StatusRecorder


async def reconcile(key: Key, deps: Deps) -> datetime | None:
    """Run one pass over a session; return when the next one is due, or None where only an event needs one.

    Raise Conflict if an object has changed since it was read. The next pass reads live, since the watch may be late.
    """
    try:
        return await _pass(key, deps)
    except Conflict:
        if deps.store:
            deps.store.distrust(key)
        raise


async def _pass(key: Key, deps: Deps) -> datetime | None:
    try:
        found = await _gather_and_plan(key, deps)
    except SpecError as exc:
        return await handle_unreadable(key, exc, deps)
    if found is None:
        _forget(key, deps)
        return None
    observed, plan = found
    await _recorder(deps).report_lost_answer(observed.session)
    if not earlier_answers.may_apply(observed, plan):
        return await _wait_for_answer(plan, observed, deps)
    observed, applied = await apply(plan, observed, deps)
    if plan.intent and observed.snapshot is NoSnapshot.UNREACHABLE:
        deps.supervisors.ask_more_often(key)
    if plan.end_request or plan.patch:  # the status is written with the answer
        return _requeue_at(plan, observed, applied, None, deps)
    status = derive_status(observed, plan, applied, deps.clock.now())
    try:
        write_due_at = await _write_status(observed, status, deps)
    except StatusRefused:
        return await end_unrecorded(observed, plan, deps)
    if plan.release_session:
        _forget(key, deps)
    else:
        deps.metrics.set_phase(key, status.phase)
    return _requeue_at(plan, observed, applied, write_due_at, deps)


async def _gather_and_plan(key: Key, deps: Deps) -> tuple[Observed, Plan] | None:
    """Return the observation and the plan; None where there is no such session.

    The watch store is enough for most plans. Others are made from live reads (`core/decide/live_reads.py`).
    """
    if deps.store is not None and is_gone(key, deps.store):  # an empty store is false
        return None
    stored = await gather_from_store(key, deps.store, deps) if deps.store else None
    if stored and deps.store:
        plan = make_plan(stored, deps.clock.now(), deps.timeouts)
        if not live_reads.are_needed(stored, plan, is_new=deps.store.is_new(key)):
            return stored, plan
    observed = await gather(key, deps, stored)
    return (observed, make_plan(observed, deps.clock.now(), deps.timeouts)) if observed else None


async def _wait_for_answer(plan: Plan, observed: Observed, deps: Deps) -> datetime | None:
    """Send only the requests that a user waits for; the supervisor's answer starts the pass that does the rest."""
    session, pod = observed.session, observed.pod
    deps.metrics.set_phase(session.key, session.status.phase if session.status else Phase.PENDING)
    if pod and earlier_answers.may_send(plan):
        await send_control_requests(plan, pod, session, deps)
    elif earlier_answers.concludes_from_silence(observed, plan):
        deps.supervisors.ask_now(session.key)
    elif plan.intent:
        deps.supervisors.ask_more_often(session.key)
    return plan.requeue_at


async def _write_status(observed: Observed, status: Status, deps: Deps) -> datetime | None:
    """Write the status if it changed and is due; return when it is due otherwise, or None where nothing changed.

    Raise StatusRefused where the API server accepts no status of this session.
    """
    if status == observed.session.status:
        return None
    fit = fitted(status)
    if fit == observed.session.status:
        return None
    now = deps.clock.now()
    due = deps.status_writes.due(observed.session, fit, coalescing.write_due_at(observed, fit, deps.timeouts))
    if due > now:
        return due
    await _recorder(deps).record(observed.session, fit, now)
    return _due_after_write(observed, deps)


def _due_after_write(observed: Observed, deps: Deps) -> datetime | None:
    """Return when the written status needs a pass. Its watch event starts none: the store has the status already."""
    written = deps.store.session(observed.session.key) if deps.store else None
    if written is None or deps.store is None or written.resource_version == observed.session.resource_version:
        return None  # nothing was written: the session is gone, or its status is refused
    pod = deps.store.pod(written.key.namespace, pod_name(written.key.name, written.uid))
    deliveries = deps.webhook.attempts(written) if deps.webhook else {}
    seen = replace(
        observed, session=written, pod=pod or observed.pod, freshness=Freshness.CURRENT, deliveries=deliveries
    )
    now = deps.clock.now()
    plan = make_plan(seen, now, deps.timeouts)
    if plan.is_work:
        return now
    status = derive_status(seen, plan, Applied(), now)
    if status == written.status or (fit := fitted(status)) == written.status:
        return plan.requeue_at
    return deps.status_writes.due(written, fit, coalescing.write_due_at(seen, fit, deps.timeouts))


def _recorder(deps: Deps) -> StatusRecorder:
    return StatusRecorder(deps.cluster, deps.metrics, deps.status_writes)


def _requeue_at(
    plan: Plan, observed: Observed, applied: Applied, write_due_at: datetime | None, deps: Deps
) -> datetime | None:
    """Return when the next pass is due: by the plan, or earlier where a write waits or a request was refused."""
    times = [plan.requeue_at, write_due_at]
    if applied.refusal or applied.budget_refusal or applied.exposure_refusal:
        times.append(deps.refusals.retry_at(observed.session.key))
    times.append(deps.supervisors.retry_at(observed.session.key))
    return min((time for time in times if time), default=None)


def _forget(key: Key, deps: Deps) -> None:
    """Forget a session that is gone, or that only the finalizers of others keep."""
    deps.metrics.set_phase(key, None)
    deps.supervisors.forget(key)
    deps.host_ports.forget(key)
    deps.refusals.forget(key)
    deps.status_writes.forget(key)
    if deps.webhook:
        deps.webhook.forget(key)
