"""Decide what a pass does. Pure: what was observed and the time go in, a plan comes out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from botsession_contract.control import EndRequest, SessionPatch
from botsession_operator.core import endings, retention, ttl
from botsession_operator.core.endings import Wanted
from botsession_operator.core.finish import Conclusion, conclude
from botsession_operator.core.limits import news_for_supervisor
from botsession_operator.core.observe import Observed, Pod, PodState, Session, Silence
from botsession_operator.core.shutdown import ladder_length


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the operator waits for others before it acts itself. Each has the reason for its default."""

    #: Beyond the ladder's end, for the stack dump, the report and the kubelet's status update to arrive.
    ladder_margin: timedelta = timedelta(seconds=10)
    #: Beyond a pod's deletion time, before it is taken for abandoned: the kubelet's own slack is 2 s.
    deletion_margin: timedelta = timedelta(seconds=15)
    #: A look at a quiet session, in case a poke and an event were both lost.
    slow_recheck: timedelta = timedelta(seconds=30)
    #: A supervisor that does not answer is asked again after this.
    control_retry: timedelta = timedelta(seconds=2)
    #: A pod that was refused (quota, admission) is tried again after this.
    create_retry: timedelta = timedelta(seconds=5)


class PodDeletion(Enum):
    """How a pod is deleted."""

    NORMAL = auto()  # with the grace it was given: a container that still runs may walk its ladder
    SHORT = auto()  # its ladder is over and nothing came of it: SIGTERM, and SIGKILL soon after
    FORCED = auto()  # the kubelet did not do it: take the object away


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass does, in this order. Empty when the world is as it should be."""

    hold_session: bool = False
    create_pod: bool = False
    adjust: SessionPatch | None = None
    end: EndRequest | None = None
    delete_pod: PodDeletion | None = None
    #: Recorded in status by this pass; everything below waits for a pass that sees it recorded.
    conclusion: Conclusion | None = None
    release_pod: bool = False
    release_session: bool = False
    #: Its time as a record is over, and nothing of it is left but what goes with it.
    delete_session: bool = False
    #: The ending that is wanted, whether or not the supervisor could be told.
    wanted: Wanted | None = None
    recheck_at: datetime | None = None


def make_plan(observed: Observed, now: datetime, limits: Limits) -> Plan:
    """Decide what to do about one session."""
    if observed.session.is_finished:
        return _clean_up(observed, now, limits)
    wanted = endings.wanted_ending(observed, now)
    conclusion = conclude(observed, wanted, now)
    if conclusion:
        return Plan(conclusion=conclusion, wanted=wanted, recheck_at=now)
    return Plan(
        hold_session=not observed.session.is_held and not observed.session.is_deleting,
        create_pod=observed.pod is None,
        adjust=news_for_supervisor(observed),
        end=endings.end_request(observed, wanted) if wanted else None,
        delete_pod=_overdue(observed, wanted, now, limits),
        wanted=wanted,
        recheck_at=_next_look(observed, wanted, now, limits),
    )


def _clean_up(observed: Observed, now: datetime, limits: Limits) -> Plan:
    """The finish is recorded: let go of the pod, and of the session once no pod is left."""
    pod, session = observed.pod, observed.session
    if pod is None:
        return replace(_expire(session, now, limits), release_session=session.is_held and session.is_deleting)
    if retention.is_kept(session, pod):
        # Its report is copied, so whoever wants the pod gone shall not have to wait for the operator.
        return _release(now, limits) if pod.is_held else _expire(session, now, limits)
    return Plan(
        delete_pod=_overdue(observed, None, now, limits) if pod.is_deleting else PodDeletion.NORMAL,
        release_pod=pod.is_held,
        recheck_at=now + limits.slow_recheck,
    )


def _release(now: datetime, limits: Limits) -> Plan:
    return Plan(release_pod=True, recheck_at=now + limits.slow_recheck)


def _expire(session: Session, now: datetime, limits: Limits) -> Plan:
    """Delete a record whose time is over, or come back then."""
    if ttl.is_expired(session, now):
        return Plan(delete_session=True, recheck_at=now + limits.slow_recheck)
    return Plan(recheck_at=ttl.expiry(session))


def _overdue(observed: Observed, wanted: Wanted | None, now: datetime, limits: Limits) -> PodDeletion | None:
    pod = observed.pod
    if pod is None:
        return None
    if pod.deletion_requested_by is not None:
        return PodDeletion.FORCED if now >= pod.deletion_requested_by + limits.deletion_margin else None
    if wanted is None:
        return None
    if pod.state is PodState.WAITING:
        return PodDeletion.NORMAL
    return PodDeletion.SHORT if now >= _ladder_end(observed, wanted, limits) else None


def _ladder_end(observed: Observed, wanted: Wanted, limits: Limits) -> datetime:
    ladder = ladder_length(observed.session.spec.shutdown, wanted.cause)
    return wanted.requested_at + ladder + limits.ladder_margin


def _next_look(observed: Observed, wanted: Wanted | None, now: datetime, limits: Limits) -> datetime:
    return min(_looks(observed, wanted, now, limits))


def _looks(observed: Observed, wanted: Wanted | None, now: datetime, limits: Limits) -> Iterator[datetime]:
    yield now + limits.slow_recheck
    if observed.control is Silence.UNREACHABLE:
        yield now + limits.control_retry
    if wanted is None:
        yield endings.deadline(observed) or endings.start_deadline(observed)
    if observed.pod:
        yield from _pod_looks(observed, observed.pod, wanted, now, limits)


def _pod_looks(
    observed: Observed, pod: Pod, wanted: Wanted | None, now: datetime, limits: Limits
) -> Iterator[datetime]:
    if pod.deletion_requested_by is not None:
        yield max(pod.deletion_requested_by + limits.deletion_margin, now + limits.control_retry)
    elif wanted:
        yield max(_ladder_end(observed, wanted, limits), now + limits.control_retry)
