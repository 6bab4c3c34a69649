"""One pass over one session: gather, plan, apply, write the status, report."""

from datetime import datetime

from botsession_contract.lifecycle import Phase
from botsession_operator.api.fitting import fitted
from botsession_operator.api.spec import SpecError
from botsession_operator.api.status import Status
from botsession_operator.core.decide import earlier_answers
from botsession_operator.core.decide.plan import Plan, make_plan
from botsession_operator.core.observe.observed import Key, NoSnapshot, Observed
from botsession_operator.core.status import coalescing
from botsession_operator.core.status.derive import Applied, derive_status
from botsession_operator.errors import StatusRefused
from botsession_operator.reconcile.apply import apply
from botsession_operator.reconcile.control_requests import send_control_requests
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.gather import gather
from botsession_operator.reconcile.unrecordable import end_unrecorded, handle_unreadable
from botsession_operator.status_recorder import StatusRecorder


async def reconcile(key: Key, deps: Deps) -> datetime | None:
    """Run one pass over a session; return when the next one is due, or None where only an event needs one."""
    try:
        observed = await gather(key, deps)
    except SpecError as exc:
        return await handle_unreadable(key, exc, deps)
    if observed is None:
        _forget(key, deps)
        return None
    await _recorder(deps).report_lost_answer(observed.session)
    plan = make_plan(observed, deps.clock.now(), deps.timeouts)
    if not earlier_answers.may_apply(observed, plan):
        return await _wait_for_answer(plan, observed, deps)
    observed, applied = await apply(plan, observed, deps)
    if plan.intent and observed.control is NoSnapshot.UNREACHABLE:
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
    fit = status if status == observed.session.status else fitted(status)
    if fit == observed.session.status:
        return None
    now = deps.clock.now()
    due = deps.status_writes.due(observed.session, fit, coalescing.write_due_at(observed, fit, deps.timeouts))
    if due > now:
        return due
    await _recorder(deps).record(observed.session, fit, now)
    return None


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
    deps.forget(key)
    deps.host_ports.forget(key)
    deps.refusals.forget(key)
    deps.status_writes.forget(key)
    if deps.webhook:
        deps.webhook.forget(key)
