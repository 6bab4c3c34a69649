"""Decide what a pass does. Pure: what was observed and the time go in, a plan comes out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypedDict

from botsession_contract.control import EndRequest, SessionPatch
from botsession_operator.core.decide import eviction, eviction_grace, exposure, pod_retention, termination, ttl
from botsession_operator.core.decide.eviction import BudgetChange
from botsession_operator.core.decide.exposure import ExposureChange
from botsession_operator.core.decide.finish import FinalResult, conclude
from botsession_operator.core.decide.shutdown import ladder_length
from botsession_operator.core.decide.supervisor_limits import patch_for_supervisor
from botsession_operator.core.decide.termination import EndIntent
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Observed, Pod, PodState
from botsession_operator.core.observe.timeline import Timeline, timeline_of
from botsession_operator.core.observe.webhook_delivery import EventType
from botsession_operator.core.webhook import events_due


@dataclass(frozen=True, slots=True)
class ControllerTimeouts:
    """How long the operator waits for others before it acts itself. Each has the reason for its default."""

    #: Beyond the ladder's end, for the stack dump, the report and the kubelet's status update to arrive.
    ladder_margin: timedelta = timedelta(seconds=10)
    #: Beyond a pod's deletion time, before it is taken for abandoned: the kubelet's own slack is 2 s.
    deletion_margin: timedelta = timedelta(seconds=15)
    #: A look at a quiet session, in case a poke and an event were both lost.
    slow_requeue: timedelta = timedelta(seconds=30)
    #: The same where the supervisor is silent: nothing but a watch, or the poller, brings news of it.
    silent_requeue: timedelta = timedelta(minutes=2)
    #: A supervisor that does not answer is asked again after this, and then after ever longer, up to a ceiling…
    control_retry: timedelta = timedelta(seconds=2)
    control_retry_longest: timedelta = timedelta(seconds=60)
    #: …which is lower while a user waits for the session's end: a node that comes back should hear of it soon.
    control_retry_ending: timedelta = timedelta(seconds=5)
    #: A pod, or its budget, that was refused (quota, admission) is tried again after this, and then after ever longer.
    create_retry: timedelta = timedelta(seconds=5)
    create_retry_longest: timedelta = timedelta(minutes=5)
    #: Details of status wait this long after the last news, to be written together: most starts take less.
    status_settle: timedelta = timedelta(seconds=5)
    #: An ending that its supervisor knows of is written after this: many are over by then, and then are one write.
    ending_settle: timedelta = timedelta(seconds=3)
    #: An event that no webhook has taken by then is given up, and its session, if it is deleted, let go.
    webhook_patience: timedelta = timedelta(hours=1)


class PodDeletion(Enum):
    """How a pod is deleted."""

    NORMAL = auto()  # with the grace it was given: a container that still runs may walk its ladder
    OVER = auto()  # its bot is over: sidecars get what Kubernetes gives by default, however long the ladder is
    SHORT = auto()  # its ladder is over and nothing came of it: SIGTERM, and SIGKILL soon after
    FORCED = auto()  # the kubelet did not do it: take the object away


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass does, in this order. Empty when the world is as it should be."""

    add_finalizer: bool = False
    create_pod: bool = False
    patch: SessionPatch | None = None
    end_request: EndRequest | None = None
    delete_pod: PodDeletion | None = None
    #: Recorded in status by this pass; everything below waits for a pass that sees it recorded.
    final_result: FinalResult | None = None
    release_pod: bool = False
    budget: BudgetChange | None = None
    exposure: ExposureChange | None = None
    #: The pod is kept, its bot is over, and other containers run on.
    end_sidecars: bool = False
    release_session: bool = False
    #: Its time as a record is over, and nothing of it is left but what goes with it.
    delete_session: bool = False
    #: The ending that is wanted, whether or not the supervisor could be told.
    intent: EndIntent | None = None
    #: Events that the webhook is sent now, and those that it will never be sent.
    deliver: tuple[EventType, ...] = ()
    give_up: tuple[EventType, ...] = ()
    requeue_at: datetime | None = None


class Removals(TypedDict):
    """What a session that is over does not keep."""

    budget: BudgetChange | None
    exposure: ExposureChange | None


def make_plan(observed: Observed, now: datetime, timeouts: ControllerTimeouts) -> Plan:
    """Decide what to do about one session, and about those who want to hear of it."""
    plan, next_attempt_at = (
        _plan(observed, now, timeouts),
        events_due.next_attempt_at(observed, now, timeouts.webhook_patience),
    )
    return replace(
        plan,
        deliver=events_due.due(observed, now, timeouts.webhook_patience),
        give_up=events_due.expired(observed, now, timeouts.webhook_patience),
        requeue_at=min((time for time in (plan.requeue_at, next_attempt_at) if time), default=None),
    )


def _plan(observed: Observed, now: datetime, timeouts: ControllerTimeouts) -> Plan:
    if observed.session.is_finished:
        return replace(_clean_up(observed, now, timeouts), **_removals(observed))
    timeline = timeline_of(observed, now)
    intent = termination.end_intent(observed, timeline)
    final_result = conclude(observed, intent, now)
    if final_result:
        # Before the finish is on record: a session that is over has none of these, whatever operator dies meanwhile.
        return Plan(final_result=final_result, intent=intent, requeue_at=now, **_removals(observed))
    # What a supervisor has just replied to is not said twice: its reply is recorded first.
    is_reply = observed.freshness is Freshness.REPLY
    is_requested = intent is not None and not intent.is_from_bot
    ladder_end = _ladder_end(observed, intent, timeouts) if intent and is_requested else None
    end_request = (
        (termination.end_request(observed, intent) or eviction_grace.fit_into_grace(observed, now)) if intent else None
    )
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


def _clean_up(observed: Observed, now: datetime, timeouts: ControllerTimeouts) -> Plan:
    """The finish is recorded: let go of the pod, and of the session once no pod is left."""
    pod, session = observed.pod, observed.session
    if pod is None:
        can_release = session.has_finalizer and session.is_deleting and not events_due.pending_events(observed)
        return replace(_expire(observed, now, timeouts), release_session=can_release)
    if pod_retention.is_kept(session, pod):
        # Its report is copied, so whoever wants the pod gone shall not have to wait for the operator.
        kept = _release(now, timeouts) if pod.has_finalizer else _expire(observed, now, timeouts)
        return replace(kept, end_sidecars=pod.has_sidecars and not pod.has_finalizer)
    return Plan(
        delete_pod=_deletion_if_overdue(pod, None, now, timeouts) if pod.is_deleting else _deletion_after_finish(pod),
        release_pod=pod.has_finalizer,
        requeue_at=now + timeouts.slow_requeue,
    )


def _deletion_after_finish(pod: Pod) -> PodDeletion:
    """Say how a pod goes whose bot is over. A shorter grace would be taken for a kubelet that does not do its work.

    The kubelet begins to end native sidecars by itself when the bot is over, with the pod's own grace, and a deletion
    does not interrupt that (seen on 1.36).
    """
    return PodDeletion.NORMAL if pod.has_native_sidecars else PodDeletion.OVER


def _release(now: datetime, timeouts: ControllerTimeouts) -> Plan:
    return Plan(release_pod=True, requeue_at=now + timeouts.slow_requeue)


def _expire(observed: Observed, now: datetime, timeouts: ControllerTimeouts) -> Plan:
    """Delete a record whose time is over, or come back then. Nobody has to hear of it who has not yet."""
    session = observed.session
    if ttl.is_expired(session, now):
        if events_due.pending_events(observed):
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
    """Take a pod away by force whose kubelet has not done it by the time that it was given, and a margin."""
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
    is_silent = observed.control is NoSnapshot.UNREACHABLE and intent is None
    yield now + (timeouts.silent_requeue if is_silent else timeouts.slow_requeue)
    if ladder_end is None:
        yield timeline.end_due_at
    if pod and pod.deletion_requested_by is not None:
        yield max(pod.deletion_requested_by + timeouts.deletion_margin, now + timeouts.control_retry)
    elif pod and ladder_end:
        yield max(ladder_end, now + timeouts.control_retry)
