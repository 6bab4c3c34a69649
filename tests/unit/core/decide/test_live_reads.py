"""Which plans what the watches have brought is enough for, and which are made again from live reads."""

from dataclasses import replace

import pytest

from botsession_contract.control import EndRequest, SessionPatch
from botsession_contract.lifecycle import Cause, Mode
from botsession_operator.core.decide import live_reads
from botsession_operator.core.decide.plan import ControllerTimeouts, Plan, PodDeletion, make_plan
from botsession_operator.core.observe.observed import NoSnapshot
from botsession_operator.core.observe.webhook_delivery import EventType
from tests.builders import NOW, ended, observed, over, pod, report, session, snapshot, started, waiting

RUNNING = observed(session(started()), pod(), snapshot())
OVER = observed(session(started()), ended(left=report()))
NO_POD = observed(session(started()), None)
END = EndRequest(Mode.GRACEFUL, Cause.MAX_DURATION)


def test_a_quiet_session_is_not_read_again() -> None:
    assert not live_reads.are_needed(RUNNING, Plan(), is_new=False)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(end_request=END), id="a user may have extended it"),
        pytest.param(Plan(patch=SessionPatch(deadline=NOW)), id="its limits may be newer"),
        pytest.param(Plan(delete_pod=PodDeletion.SHORT), id="its bot may be over"),
        pytest.param(Plan(release_session=True), id="its pod may be there"),
        pytest.param(Plan(delete_session=True), id="its time may have been extended"),
        pytest.param(Plan(deliver=(EventType.STARTED,)), id="another operator may have sent it"),
    ],
)
def test_what_cannot_be_taken_back_is_decided_live(plan: Plan) -> None:
    assert live_reads.are_needed(RUNNING, plan, is_new=True)


def test_an_end_that_is_concluded_from_an_absence_is_decided_live() -> None:
    plan = make_plan(NO_POD, NOW, ControllerTimeouts())

    assert plan.final_result
    assert live_reads.are_needed(NO_POD, plan, is_new=True)


def test_an_end_that_was_seen_is_not_read_again() -> None:
    """A container that is over stays so, and the status is written to the version that was seen."""
    plan = make_plan(OVER, NOW, ControllerTimeouts())

    assert plan.final_result
    assert not live_reads.are_needed(OVER, plan, is_new=False)


def test_a_pod_of_a_finished_session_goes_without_another_read() -> None:
    seen = observed(session(over(since=1)), ended(left=report()))
    plan = make_plan(seen, NOW, ControllerTimeouts())

    assert plan.release_pod
    assert not live_reads.are_needed(seen, plan, is_new=False)


@pytest.mark.parametrize("is_new", [False, True])
def test_a_pod_is_created_at_once_only_for_a_session_that_was_seen_being_created(is_new: bool) -> None:
    seen = observed(session(), None)
    plan = make_plan(seen, NOW, ControllerTimeouts())

    assert plan.create_pod
    assert live_reads.are_needed(seen, plan, is_new=is_new) is not is_new


@pytest.mark.parametrize("its_pod", [pod(), waiting()])
def test_a_session_whose_supervisor_is_silent_is_read_live(its_pod) -> None:  # type: ignore[no-untyped-def]
    """The watch may have missed that the pod is gone."""
    silent = replace(observed(session(started()), its_pod), snapshot=NoSnapshot.UNREACHABLE)

    assert live_reads.are_needed(silent, Plan(), is_new=False)
