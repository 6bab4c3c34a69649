"""Rule: what a pass may do on the strength of an answer that the supervisor gave before the pass was wanted."""

from dataclasses import replace
from typing import Final

import pytest

from botsession_contract.lifecycle import BotState, Cause
from botsession_operator.core.decide.earlier_answers import concludes_from_silence, may_apply, may_send
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Observed
from tests.builders import NOW, asked, later, observed, pod, session, snapshot, started, waiting

SILENT: Final = NoSnapshot.UNREACHABLE
UNKNOWN: Final = NoSnapshot.NOT_ASKED
TOO_LATE: Final = "30s"
STARTING: Final = snapshot(BotState.STARTING)
OVERDUE: Final = started(ending=asked(Cause.DELETED, since=50))


def earlier(seen: Observed) -> Observed:
    return replace(seen, freshness=Freshness.EARLIER)


@pytest.mark.parametrize("freshness", [Freshness.CURRENT, Freshness.REPLY])
@pytest.mark.parametrize("control", [snapshot(), SILENT])
def test_a_pass_with_an_answer_is_whole(freshness: Freshness, control: object) -> None:
    seen = replace(observed(session(started()), pod(), control), freshness=freshness)  # type: ignore[arg-type]

    assert may_apply(seen, make_plan(seen, NOW, ControllerTimeouts()))


@pytest.mark.parametrize(
    ("seen", "whole", "sends", "concludes"),
    [
        pytest.param(observed(session(started()), pod()), False, False, False, id="nothing is to be done"),
        pytest.param(observed(session(is_deleting=True), pod()), False, True, False, id="it is being deleted"),
        pytest.param(observed(session(started(), end="Graceful"), pod()), False, True, False, id="its end is wanted"),
        pytest.param(observed(session(maxSessionDuration="45s"), pod()), False, True, False, id="its time is up"),
        pytest.param(observed(session(idleTimeout="5m"), pod()), False, True, False, id="a limit has moved"),
        pytest.param(
            observed(session(startTimeout=TOO_LATE), pod(), STARTING),
            False,
            False,
            True,
            id="it may have started meanwhile",
        ),
        pytest.param(observed(session(is_deleting=True), pod(), UNKNOWN), False, False, False, id="it was never asked"),
        pytest.param(observed(session(started()), pod(), SILENT), True, False, False, id="it is silent"),
        pytest.param(observed(session(is_deleting=True), pod(), SILENT), True, False, False, id="its end must wait"),
        pytest.param(
            observed(session(startTimeout=TOO_LATE), pod(), SILENT),
            False,
            False,
            True,
            id="its start is given up for silence",
        ),
        pytest.param(
            observed(session(OVERDUE), pod(), SILENT), False, False, True, id="its pod is deleted for silence"
        ),
        pytest.param(
            observed(session(OVERDUE), pod(deletion_requested_by=later(9)), SILENT),
            True,
            False,
            False,
            id="its pod is deleted already",
        ),
    ],
)
def test_a_pass_without_an_answer(seen: Observed, whole: bool, sends: bool, concludes: bool) -> None:
    plan = make_plan(earlier(seen), NOW, ControllerTimeouts())

    to_contract = may_apply(earlier(seen), plan), may_send(plan), concludes_from_silence(seen, plan)
    assert to_contract == (whole, sends, concludes)


def test_what_a_supervisor_has_just_replied_to_is_not_said_again() -> None:
    seen = observed(session(started(), is_deleting=True, idleTimeout="5m"), pod())

    plan = make_plan(replace(seen, freshness=Freshness.REPLY), NOW, ControllerTimeouts())

    assert (plan.end_request, plan.patch) == (None, None)
    assert plan.intent


def test_a_pod_that_has_not_started_needs_no_answer() -> None:
    plan = make_plan(observed(session(is_deleting=True), waiting()), NOW, ControllerTimeouts())

    assert plan.delete_pod
