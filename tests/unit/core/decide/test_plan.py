"""Rule: what a pass does, and when the next one is due."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest

from botsession_contract.control import SessionPatch
from botsession_contract.lifecycle import BotState, Cause, Mode, Phase
from botsession_contract.session_limits import SessionLimits
from botsession_operator.core.decide.plan import ControllerTimeouts, Plan, PodDeletion, make_plan
from botsession_operator.core.observe.observed import NoSnapshot, Observed, Pod
from tests.builders import (
    NOW,
    ago,
    asked,
    ended,
    later,
    observed,
    over,
    pod,
    report,
    session,
    snapshot,
    started,
    status,
    taken,
    waiting,
)

TIMEOUTS: Final = ControllerTimeouts()
SILENT: Final = NoSnapshot.UNREACHABLE
OVER: Final = status(Phase.SUCCEEDED)


def plan(seen: Observed) -> Plan:
    return make_plan(seen, NOW, TIMEOUTS)


def test_a_new_session_is_held_before_it_gets_a_pod() -> None:
    made = plan(observed(session(finalizers=()), None))

    assert (made.add_finalizer, made.create_pod) == (True, True)


def test_a_held_session_is_held_once() -> None:
    assert not plan(observed(session(), None)).add_finalizer


def test_a_session_that_is_being_deleted_cannot_be_held() -> None:
    assert not plan(observed(session(finalizers=("other",), is_deleting=True), pod())).add_finalizer


def test_a_quiet_session_needs_nothing_but_a_look() -> None:
    assert plan(observed(session(started()), pod())) == Plan(requeue_at=later(30))


def heard(seen: Observed, uid: str = "uid", **members: Any) -> Observed:
    return replace(seen, session=replace(seen.session, uid=uid), is_heard=True, **members)


QUIET: Final = observed(session(started(), maxSessionDuration="12h"), pod())


def test_a_session_that_is_heard_is_looked_at_in_a_quarter_of_an_hour() -> None:
    looks = {plan(heard(QUIET, f"{number}")).requeue_at for number in range(100)}

    assert all(look and later(15 * 60) <= look <= later(20 * 60) for look in looks)
    assert len(looks) > 50, "those that were read at the same time spread"


def test_what_no_watch_reports_is_looked_at_more_often() -> None:
    for seen in (heard(QUIET, has_budget=True), heard(QUIET, is_exposed=True)):
        look = plan(seen).requeue_at
        assert look
        assert later(3 * 60) <= look <= later(5 * 60)


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        pytest.param(QUIET, 30, id="it is not heard"),
        pytest.param(heard(observed(session(started(), maxSessionDuration="1m"), pod())), 10, id="its time is up soon"),
        pytest.param(heard(replace(QUIET, snapshot=SILENT)), 120, id="it did not answer"),
        pytest.param(heard(observed(session(started(ending=asked(Cause.DELETED))), pod())), 30, id="it ends"),
    ],
)
def test_all_others_are_looked_at_as_if_there_were_no_heartbeats(seen: Observed, seconds: float) -> None:
    assert plan(seen).requeue_at == later(seconds)


def test_a_pod_that_is_gone_is_not_made_again() -> None:
    made = plan(observed(session(started()), None))

    assert not made.create_pod
    assert made.final_result


def test_a_finish_is_recorded_before_anything_is_let_go() -> None:
    made = plan(observed(session(started()), ended(left=report())))

    assert made == Plan(final_result=made.final_result, requeue_at=NOW)


def test_an_ending_that_is_wanted_is_asked_for() -> None:
    made = plan(observed(session(started(), is_deleting=True), pod()))

    assert made.end_request
    assert (made.end_request.cause, made.end_request.mode) == (Cause.DELETED, Mode.GRACEFUL)


@pytest.mark.parametrize(
    ("control", "is_told"),
    [
        pytest.param(snapshot(deadline=later(1)), True, id="it knows another deadline"),
        pytest.param(snapshot(limits=SessionLimits(1.0)), True, id="it knows other limits"),
        pytest.param(snapshot(limits=None), False, id="it is too old to know limits"),
        pytest.param(snapshot(), False, id="it knows"),
        pytest.param(snapshot(BotState.STARTING), False, id="it has not started"),
        pytest.param(snapshot(BotState.ENDING, deadline=later(1)), False, id="it ends already"),
        pytest.param(SILENT, False, id="it is silent"),
    ],
)
def test_the_supervisor_learns_what_was_moved(control: object, is_told: bool) -> None:
    seen = Observed(session(started()), pod(), control)  # type: ignore[arg-type]  # a snapshot or silence
    assert bool(plan(seen).patch) is is_told


def test_the_supervisor_is_told_only_what_it_does_not_know() -> None:
    seen = observed(session(started(), idleTimeout="5m"), pod())

    assert plan(seen).patch == SessionPatch(limits=SessionLimits(60.0, 300.0))


ASKED: Final = started(ending=asked(Cause.DELETED, since=49))
OVERDUE: Final = started(ending=asked(Cause.DELETED, since=50))


@pytest.mark.parametrize(
    ("seen", "how"),
    [
        pytest.param(observed(session(started()), pod(), SILENT), None, id="silence alone costs no pod"),
        pytest.param(observed(session(ASKED), pod(), SILENT), None, id="the ladder and its margin are not over"),
        pytest.param(observed(session(OVERDUE), pod(), SILENT), PodDeletion.SHORT, id="the ladder is over"),
        pytest.param(
            observed(session(OVERDUE), pod(), snapshot(BotState.ENDING, ending=taken(Cause.DELETED, since=49))),
            None,
            id="the supervisor's own ladder is not over",
        ),
        pytest.param(
            observed(session(is_deleting=True), waiting()), PodDeletion.NORMAL, id="what has not started just goes"
        ),
        pytest.param(
            observed(session(OVERDUE), pod(deletion_requested_by=ago(14)), SILENT), None, id="the kubelet is at it"
        ),
        pytest.param(
            observed(session(OVERDUE), pod(deletion_requested_by=ago(15)), SILENT),
            PodDeletion.FORCED,
            id="the kubelet does not do it",
        ),
        pytest.param(
            observed(session(started()), pod(deletion_requested_by=ago(15)), SILENT),
            PodDeletion.FORCED,
            id="the kubelet does not do what somebody else asked",
        ),
    ],
)
def test_the_second_line_deletes_the_pod(seen: Observed, how: PodDeletion | None) -> None:
    assert plan(seen).delete_pod is how


@pytest.mark.parametrize(
    ("its_pod", "delete", "release"),
    [
        pytest.param(ended(), PodDeletion.OVER, True, id="its pod is deleted and let go"),
        pytest.param(ended(deletion_requested_by=ago(1)), None, True, id="a deleted pod is let go"),
        pytest.param(
            ended(deletion_requested_by=ago(1), finalizers=()), None, False, id="a released pod is waited for"
        ),
        pytest.param(
            ended(has_native_sidecars=True),
            PodDeletion.NORMAL,
            True,
            id="a pod whose native sidecars the kubelet is ending keeps its grace",
        ),
        pytest.param(
            pod(deletion_requested_by=ago(15), finalizers=()),
            PodDeletion.FORCED,
            False,
            id="a pod that stays is forced",
        ),
    ],
)
def test_after_the_finish(its_pod: Pod, delete: PodDeletion | None, release: bool) -> None:
    made = plan(observed(session(OVER), its_pod, NoSnapshot.NOT_ASKED))

    assert made == Plan(delete_pod=delete, release_pod=release, requeue_at=later(30))


@pytest.mark.parametrize(
    ("is_deleting", "finalizers", "is_released"),
    [
        pytest.param(True, ("botsession.dev/cleanup",), True, id="deleted and held"),
        pytest.param(False, ("botsession.dev/cleanup",), False, id="not deleted"),
        pytest.param(True, ("other",), False, id="held by others only"),
    ],
)
def test_a_finished_session_without_a_pod_is_let_go(
    is_deleting: bool, finalizers: tuple[str, ...], is_released: bool
) -> None:
    made = plan(observed(session(OVER, is_deleting=is_deleting, finalizers=finalizers), None))

    assert made == Plan(release_session=is_released)


FINISHED: Final = over(since=60)
ALWAYS: Final = {"podRetention": "Always"}
RELEASED: Final = ended(finalizers=())


@pytest.mark.parametrize(
    ("seen", "made"),
    [
        pytest.param(observed(session(FINISHED), None), Plan(requeue_at=later(3540)), id="it stays until its time"),
        pytest.param(observed(session(FINISHED, ttlAfterFinished="never"), None), Plan(), id="it is kept"),
        pytest.param(
            observed(session(FINISHED, ttlAfterFinished="60s"), None),
            Plan(delete_session=True, requeue_at=later(30)),
            id="its time is over",
        ),
        pytest.param(
            observed(session(FINISHED, ttlAfterFinished="60s", is_deleting=True), None),
            Plan(release_session=True),
            id="it is being deleted already",
        ),
        pytest.param(
            observed(session(FINISHED, ttlAfterFinished="0s"), RELEASED),
            Plan(delete_pod=PodDeletion.OVER, requeue_at=later(30)),
            id="its pod goes first",
        ),
        pytest.param(
            observed(session(FINISHED, ttlAfterFinished="0s", **ALWAYS), ended()),
            Plan(release_pod=True, requeue_at=later(2)),
            id="its kept pod is let go first",
        ),
        pytest.param(
            observed(session(FINISHED, **ALWAYS), RELEASED), Plan(requeue_at=later(3540)), id="its pod is kept with it"
        ),
        pytest.param(
            observed(session(FINISHED, ttlAfterFinished="0s", **ALWAYS), RELEASED),
            Plan(delete_session=True, requeue_at=later(30)),
            id="it takes its kept pod along",
        ),
        pytest.param(
            observed(session(FINISHED, **ALWAYS), ended(has_sidecars=True)),
            Plan(release_pod=True, requeue_at=later(2)),
            id="its kept pod is let go before the sidecars end",
        ),
        pytest.param(
            observed(session(FINISHED, **ALWAYS), ended(finalizers=(), has_sidecars=True)),
            Plan(end_sidecars=True, requeue_at=later(3540)),
            id="the sidecars of its kept pod end",
        ),
        pytest.param(
            observed(session(FINISHED), ended(finalizers=(), has_sidecars=True)),
            Plan(delete_pod=PodDeletion.OVER, requeue_at=later(30)),
            id="sidecars end with their pod where it goes",
        ),
        pytest.param(
            observed(session(FINISHED, is_deleting=True, **ALWAYS), RELEASED),
            Plan(delete_pod=PodDeletion.OVER, requeue_at=later(30)),
            id="a kept pod goes before its session",
        ),
    ],
)
def test_what_becomes_of_a_record(seen: Observed, made: Plan) -> None:
    assert plan(seen) == made


def test_the_second_line_waits_as_long_as_the_cause_may_take() -> None:
    patient = {"overrides": {"deleted": {"gracePeriod": "31s"}}}

    assert plan(observed(session(OVERDUE, shutdown=patient), pod(), SILENT)).delete_pod is None


def test_a_session_is_not_let_go_while_its_pod_is_there() -> None:
    assert not plan(observed(session(OVER, is_deleting=True), ended())).release_session


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        pytest.param(observed(session(), None), later(30), id="slowly, where nothing is due"),
        pytest.param(observed(session(startTimeout="70s"), waiting()), later(10), id="when the start is due"),
        pytest.param(observed(session(maxSessionDuration="55s"), pod()), later(5), id="when the time is up"),
        pytest.param(
            observed(session(started()), pod(), SILENT),
            later(120),
            id="more slowly, where it is silent",
        ),
        pytest.param(
            observed(session(ASKED), pod(), snapshot(BotState.ENDING, ending=taken(Cause.DELETED, since=45))),
            later(5),
            id="when the ladder is over",
        ),
        pytest.param(
            observed(session(OVERDUE), pod(), snapshot(BotState.ENDING, ending=taken(Cause.DELETED, since=60))),
            later(2),
            id="soon, where the ladder is over",
        ),
        pytest.param(
            observed(session(started()), pod(deletion_requested_by=later(5))),
            later(20),
            id="when the kubelet is overdue",
        ),
        pytest.param(
            observed(session(started()), pod(deletion_requested_by=ago(60))), later(2), id="soon, where it is"
        ),
    ],
)
def test_the_next_look_is_due(seen: Observed, at: datetime) -> None:
    assert plan(seen).requeue_at == at
