"""Decide what a pass does: a pure function from the observation and the time to a plan."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, TypedDict

from botsession_contract.control import EndRequest, SessionPatch
from botsession_operator.core.decide import eviction, eviction_grace, exposure, pod_retention, termination, ttl
from botsession_operator.core.decide.eviction import BudgetChange
from botsession_operator.core.decide.exposure import ExposureChange
from botsession_operator.core.decide.finish import FinalResult, conclude
from botsession_operator.core.decide.shutdown import ladder_length
from botsession_operator.core.decide.supervisor_limits import patch_for_supervisor
from botsession_operator.core.decide.termination import EndIntent
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Observed, Pod, PodState, Session
from botsession_operator.core.observe.timeline import Timeline, timeline_of
from botsession_operator.core.observe.webhook_delivery import EventType
from botsession_operator.core.spread import fraction_of
from botsession_operator.core.webhook import events_due

#: Passes over sessions with heartbeats that were read at the same time, after a restart, spread over this part of the
#: wait.
SPREAD: Final = 0.25


@dataclass(frozen=True, slots=True)
class ControllerTimeouts:
    """How long the operator waits for others before it acts itself. Comments give the reason for each default."""

    #: Beyond the ladder's end, for the stack dump, the report and the kubelet's status update to arrive.
    ladder_margin: timedelta = timedelta(seconds=10)
    #: Beyond a pod's deletionTimestamp, before the operator deletes the pod by force. The kubelet itself may take 2 s
    #: more.
    deletion_margin: timedelta = timedelta(seconds=15)
    #: Until the next pass over a quiet session, in case both a poke and a watch event were lost.
    slow_requeue: timedelta = timedelta(seconds=30)
    #: The same while the supervisor is silent. The watch and the poller report its return.
    silent_requeue: timedelta = timedelta(minutes=2)
    #: The same, at most, while heartbeats arrive from the supervisor. A missing one is noticed within a minute.
    heard_requeue: timedelta = timedelta(minutes=20)
    #: The same, where the session has objects that no watch reports: a PodDisruptionBudget, a Service, a route.
    unwatched_requeue: timedelta = timedelta(minutes=5)
    #: The first and the longest wait before the poller asks a silent supervisor again; the waits grow exponentially.
    control_retry: timedelta = timedelta(seconds=2)
    control_retry_longest: timedelta = timedelta(seconds=60)
    #: The longest wait while a user waits for the session's end, so that a node that comes back learns of it soon.
    control_retry_ending: timedelta = timedelta(seconds=5)
    #: The first and the longest wait before a refused object (quota, admission) is created again; likewise exponential.
    create_retry: timedelta = timedelta(seconds=5)
    create_retry_longest: timedelta = timedelta(minutes=5)
    #: How long details of a status wait after the last change, to be one write. Most starts take less.
    status_settle: timedelta = timedelta(seconds=5)
    #: How long an ending that the supervisor has acknowledged waits. Many sessions are over by then, in one write.
    ending_settle: timedelta = timedelta(seconds=3)
    #: How long the operator retries a webhook event. A session that is being deleted is kept for as long.
    webhook_patience: timedelta = timedelta(hours=1)


class PodDeletion(Enum):
    """How a pod is deleted."""

    NORMAL = auto()  # with the pod's own grace period: a container that still runs walks its ladder
    OVER = auto()  # the bot has ended: sidecars get Kubernetes' default grace period, however long the ladder is
    SHORT = auto()  # the ladder is over and the bot still runs: SIGTERM, and SIGKILL soon after
    FORCED = auto()  # the kubelet did not end the pod: remove the object


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass does, in this order. Empty if nothing needs to change."""

    add_finalizer: bool = False
    create_pod: bool = False
    patch: SessionPatch | None = None
    end_request: EndRequest | None = None
    delete_pod: PodDeletion | None = None
    #: This pass records it in the status. Everything below waits for a pass that reads that status.
    final_result: FinalResult | None = None
    release_pod: bool = False
    budget: BudgetChange | None = None
    exposure: ExposureChange | None = None
    #: The pod is kept and its bot has ended, but other containers still run.
    end_sidecars: bool = False
    release_session: bool = False
    #: ttlAfterFinished has passed, and only objects are left that are deleted with the session.
    delete_session: bool = False
    #: The ending to bring about, whether or not the supervisor has been asked.
    intent: EndIntent | None = None
    #: Events to send to the webhook now, and events to stop sending.
    deliver: tuple[EventType, ...] = ()
    give_up: tuple[EventType, ...] = ()
    requeue_at: datetime | None = None

    @property
    def is_work(self) -> bool:
        """Return whether the plan does anything but wait."""
        return replace(self, intent=None, requeue_at=None) != Plan()


class Removals(TypedDict):
    """What to remove once a session is over."""

    budget: BudgetChange | None
    exposure: ExposureChange | None


def make_plan(observed: Observed, now: datetime, timeouts: ControllerTimeouts) -> Plan:
    """Return the plan for one session: what to change in the cluster, and which webhook events to send."""
    pending = events_due.pending_events(observed)
    plan = _plan(observed, pending, now, timeouts)
    if not pending:
        return plan
    deliveries = events_due.plan_deliveries(observed, pending, now, timeouts.webhook_patience)
    requeue_times = (plan.requeue_at, deliveries.next_attempt_at)
    return replace(
        plan,
        deliver=deliveries.send,
        give_up=deliveries.give_up,
        requeue_at=min((time for time in requeue_times if time), default=None),
    )


def _plan(observed: Observed, pending: tuple[EventType, ...], now: datetime, timeouts: ControllerTimeouts) -> Plan:
    if observed.session.is_finished:
        return replace(_clean_up(observed, pending, now, timeouts), **_removals(observed))
    timeline = timeline_of(observed, now)
    intent = termination.end_intent(observed, timeline)
    final_result = conclude(observed, intent, now)
    if final_result:
        # These are removed before the finish is recorded, so that no finished session has them, even after a crash.
        return Plan(final_result=final_result, intent=intent, requeue_at=now, **_removals(observed))
    # A pass that handles the reply to a request records the reply first, and does not repeat the request.
    is_reply = observed.freshness is Freshness.REPLY
    is_requested = intent is not None and not intent.is_from_bot
    ladder_end = _ladder_end(observed, intent, timeouts) if intent and is_requested else None
    end_request = termination.end_request(observed, intent) if intent else None
    if intent and end_request is None:
        end_request = eviction_grace.fit_into_grace(observed, now)
    return Plan(
        add_finalizer=not observed.session.has_finalizer and not observed.session.is_deleting,
        create_pod=observed.pod is None,
        patch=None if is_reply else patch_for_supervisor(observed, timeline),
        end_request=None if is_reply else end_request,
        delete_pod=_deletion_if_overdue(observed.pod, ladder_end, now, timeouts),
        budget=eviction.budget_removal(observed) if is_requested else eviction.budget_change(observed),
        exposure=None if is_requested else exposure.exposure_change(observed),
        intent=intent,
        requeue_at=min(_requeue_times(observed, timeline, intent, ladder_end, timeouts)),
    )


def _removals(observed: Observed) -> Removals:
    return {"budget": eviction.budget_removal(observed), "exposure": exposure.exposure_removal(observed)}


def _clean_up(observed: Observed, pending: tuple[EventType, ...], now: datetime, timeouts: ControllerTimeouts) -> Plan:
    """Return the plan for a session whose finish is recorded: release the pod, and the session once no pod is left."""
    pod, session = observed.pod, observed.session
    if pod is None:
        can_release = session.has_finalizer and session.is_deleting and not pending
        return replace(_expire(session, pending, now, timeouts), release_session=can_release)
    if pod_retention.is_kept(session, pod):
        # The report is copied, so a deletion of the pod by someone else need not wait for the operator any more.
        plan = _release(now, timeouts) if pod.has_finalizer else _expire(session, pending, now, timeouts)
        return replace(plan, end_sidecars=pod.has_sidecars and not pod.has_finalizer)
    return Plan(
        delete_pod=_deletion_if_overdue(pod, None, now, timeouts) if pod.is_deleting else _deletion_after_finish(pod),
        release_pod=pod.has_finalizer,
        requeue_at=now + timeouts.slow_requeue,
    )


def _deletion_after_finish(pod: Pod) -> PodDeletion:
    """Return how to delete a pod whose bot has ended.

    The kubelet ends native sidecars after the bot, with the pod's own grace period, and a deletion with a shorter one
    does not hurry it (seen on 1.36). After that shorter period, the operator would think that the kubelet had failed
    and would delete the pod by force. So a pod with native sidecars keeps its own grace period.
    """
    return PodDeletion.NORMAL if pod.has_native_sidecars else PodDeletion.OVER


def _release(now: datetime, timeouts: ControllerTimeouts) -> Plan:
    # No event tells of the operator's own write, and the pod's sidecars are ended next.
    return Plan(release_pod=True, requeue_at=now + timeouts.control_retry)


def _expire(session: Session, pending: tuple[EventType, ...], now: datetime, timeouts: ControllerTimeouts) -> Plan:
    """Return a plan that deletes the session once ttlAfterFinished has passed and no webhook event is pending."""
    if ttl.is_expired(session, now):
        if pending:
            return Plan()
        return Plan(delete_session=True, requeue_at=now + timeouts.slow_requeue)
    return Plan(requeue_at=ttl.expiry(session))


def _deletion_if_overdue(
    pod: Pod | None, ladder_end: datetime | None, now: datetime, timeouts: ControllerTimeouts
) -> PodDeletion | None:
    if pod is None:
        return None
    if pod.deletion_requested_by is not None:
        return forced_deletion(pod.deletion_requested_by, now, timeouts)
    if ladder_end is None:
        return None
    if pod.state is PodState.WAITING:
        return PodDeletion.NORMAL
    return PodDeletion.SHORT if now >= ladder_end else None


def forced_deletion(requested_by: datetime, now: datetime, timeouts: ControllerTimeouts) -> PodDeletion | None:
    """Return FORCED for a pod that the kubelet has not ended by its deletionTimestamp plus a margin; else None."""
    return PodDeletion.FORCED if now >= requested_by + timeouts.deletion_margin else None


def _ladder_end(observed: Observed, intent: EndIntent, timeouts: ControllerTimeouts) -> datetime:
    ladder = ladder_length(observed.session.spec.shutdown, intent.cause)
    return intent.requested_at + ladder + timeouts.ladder_margin


def _requeue_times(
    observed: Observed,
    timeline: Timeline,
    intent: EndIntent | None,
    ladder_end: datetime | None,
    timeouts: ControllerTimeouts,
) -> Iterator[datetime]:
    now, pod = timeline.now, observed.pod
    yield now + (timeouts.slow_requeue if intent else _routine_wait(observed, timeouts))
    if ladder_end is None:
        yield timeline.end_due_at
    if pod and pod.deletion_requested_by is not None:
        yield max(pod.deletion_requested_by + timeouts.deletion_margin, now + timeouts.control_retry)
    elif pod and ladder_end:
        yield max(ladder_end, now + timeouts.control_retry)


def _routine_wait(observed: Observed, timeouts: ControllerTimeouts) -> timedelta:
    """Return the time until the next pass over a session that is not ending, if nothing happens.

    A supervisor without heartbeats is asked often, in case a poke was lost. Heartbeats tell of news too, so a session
    that has them needs a pass only in case a watch event was lost.
    """
    if observed.snapshot is NoSnapshot.UNREACHABLE:
        return timeouts.silent_requeue
    if not observed.is_heard:
        return timeouts.slow_requeue
    longest = timeouts.unwatched_requeue if observed.has_budget or observed.is_exposed else timeouts.heard_requeue
    return longest * (1 - SPREAD * fraction_of(observed.session.uid))
