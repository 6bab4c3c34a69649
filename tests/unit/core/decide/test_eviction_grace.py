"""Rule: what a supervisor must hear of the time that its pod has left."""

import pytest

from botsession_contract.control import EndRequest
from botsession_contract.lifecycle import BotState, Cause, Mode
from botsession_contract.report import Ending
from botsession_operator.core.decide.eviction_grace import fit_into_grace
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.observed import NoSnapshot, Observed, Pod
from tests.builders import NOW, ago, later, observed, pod, session, snapshot, started, taken

#: Graceful 30 s, cancel 10 s.
EVICTED = taken(Cause.EVICTED, since=1)


def ending(of: Pod, said: Ending = EVICTED, state: BotState = BotState.ENDING) -> Observed:
    return observed(session(started()), of, snapshot(state, ending=said))


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(ending(pod()), id="its pod stays"),
        pytest.param(ending(pod(deletion_requested_by=later(44))), id="the whole ladder fits"),
        pytest.param(ending(pod(deletion_requested_by=later(42))), id="it just fits"),
        pytest.param(ending(pod(deletion_requested_by=later(9)), state=BotState.FINISHED), id="it has finished"),
        pytest.param(observed(session(started()), pod(deletion_requested_by=later(9))), id="the SIGTERM comes yet"),
        pytest.param(
            observed(session(started()), pod(deletion_requested_by=later(9)), NoSnapshot.UNREACHABLE), id="it is silent"
        ),
        pytest.param(observed(session(started()), None), id="its pod is gone"),
    ],
)
def test_a_ladder_that_fits_is_left_alone(seen: Observed) -> None:
    assert fit_into_grace(seen, NOW) is None


def test_both_periods_are_cut_to_the_time_left() -> None:
    seen = ending(pod(deletion_requested_by=later(23)))

    assert fit_into_grace(seen, NOW) == EndRequest(Mode.GRACEFUL, Cause.EVICTED, None, 15.0, 5.0)


def test_an_immediate_ending_has_one_period() -> None:
    seen = ending(pod(deletion_requested_by=later(5)), taken(Cause.DELETED, Mode.IMMEDIATE, since=1))

    assert fit_into_grace(seen, NOW) == EndRequest(Mode.IMMEDIATE, Cause.DELETED, None, 0.0, 2.0)


def test_no_time_left_is_none() -> None:
    asked = fit_into_grace(ending(pod(deletion_requested_by=ago(1))), NOW)

    assert asked
    assert (asked.grace_period_seconds, asked.cancel_period_seconds) == (0.0, 0.0)


def test_the_supervisor_is_told_by_the_next_pass() -> None:
    seen = ending(pod(deletion_requested_by=later(23)))

    assert make_plan(seen, NOW, ControllerTimeouts()).end_request == fit_into_grace(seen, NOW)
