"""What every pass promises, whatever it has seen. The model, tests/unit/core/test_properties.py, holds each to it."""

from datetime import datetime

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import BOT_CAUSES, NEXT_PHASES, Reason
from botsession_operator.api.condition_table import CONDITION_REASONS
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.spec import EvictionPolicy
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType, Status
from botsession_operator.core.decide import termination
from botsession_operator.core.decide.eviction import BudgetChange
from botsession_operator.core.decide.exposure import ExposureChange
from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.observe.timeline import timeline_of


def check_plan(seen: Observed, plan: Plan, now: datetime) -> None:
    """Hold a plan to its promises."""
    recorded = seen.session.status
    is_finished = seen.session.is_finished
    assert not (plan.create_pod and (seen.pod or (recorded and recorded.pod_name)))
    assert not (plan.release_pod and not is_finished)
    assert not (plan.end_sidecars and not is_finished)
    assert not (plan.release_session and (seen.pod or not is_finished or not seen.session.is_deleting))
    assert not (plan.final_result and is_finished)
    if plan.budget is BudgetChange.CREATE:
        assert not is_finished
        assert plan.intent is None
        assert plan.final_result is None
        assert seen.session.spec.eviction is not EvictionPolicy.ALLOW
    if plan.exposure is ExposureChange.CREATE:
        assert not is_finished
        assert plan.final_result is None
        assert seen.session.spec.expose
    if plan.delete_session:
        ttl = seen.session.spec.ttl_after_finished
        assert recorded
        assert recorded.finished_at
        assert ttl is not None
        assert now >= recorded.finished_at + ttl
        assert seen.pod is None or not seen.pod.has_finalizer
    assert plan.requeue_at is None or plan.requeue_at >= now
    timeline = timeline_of(seen, now)
    limit = timeline.deadline or timeline.end_due_at
    if not is_finished and now >= limit:
        assert plan.intent or plan.final_result, "a deadline is missed"
    if not is_finished and isinstance(seen.snapshot, SessionSnapshot) and plan.intent:
        assert plan.end_request or seen.snapshot.ending or plan.final_result, "the supervisor is not told"
    if not is_finished and plan.intent is None:
        assert plan.requeue_at
        assert plan.requeue_at <= limit


def check_status(before: Status | None, after: Status) -> None:
    """Hold a status to what was written before it."""
    if before and before.finish:
        assert after == before
    if before and before.phase is not after.phase:
        assert after.phase in NEXT_PHASES[before.phase]
    if before and before.ending and before.ending.cause not in BOT_CAUSES:
        assert after.ending
        assert after.ending.cause is before.ending.cause
        assert after.ending.mode is termination.more_urgent(before.ending.mode, after.ending.mode)
    if before and before.started_at:
        assert after.started_at == before.started_at
    assert not [each for each in after.conditions if not _is_documented(each)]


def _is_documented(condition: Condition) -> bool:
    """Return whether the docs list the condition with this status and reason; they do not list the cluster's words."""
    if condition.reason in CONDITION_REASONS[condition.type].get(condition.status, ()):
        return True
    if condition.type is ConditionType.FINISHED:
        return condition.status is ConditionStatus.TRUE and condition.reason in set(Reason)
    is_own = condition.reason in set(ConditionReason) - {ConditionReason.STATUS_REFUSED}
    return condition.status is ConditionStatus.FALSE and not is_own
