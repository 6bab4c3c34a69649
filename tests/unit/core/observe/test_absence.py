"""A session that was created while no operator ran gets its startTimeout all the same, within a bound."""

import pytest

from botsession_contract.lifecycle import Cause
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType, Status
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.observed import Observed, Pod
from botsession_operator.core.observe.startup import start_timeout_message
from tests.builders import NOW, ago, observed, session, status, waiting


def seen(age: float, first_look: float | None = None, its_pod: Pod | None = None) -> Observed:
    """Return a session of this age; an operator first looked so long ago, or never. Its startTimeout is 2 minutes."""
    known: Status | None = None
    if first_look is not None:
        condition = Condition(
            ConditionType.FINISHED, ConditionStatus.FALSE, "NotFinished", "", ago(first_look), observed_generation=1
        )
        known = status(conditions=(condition,))
    return observed(session(known, created_at=ago(age), startTimeout="2m"), its_pod)


def cause(of: Observed) -> Cause | None:
    wanted = make_plan(of, NOW, ControllerTimeouts()).intent
    return wanted.cause if wanted else None


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        pytest.param(seen(300), None, id="no operator has seen it yet"),
        pytest.param(seen(400, first_look=119), None, id="it gets its time from the first look on"),
        pytest.param(seen(400, first_look=120), Cause.START_TIMEOUT, id="and not more"),
        pytest.param(seen(120, first_look=110), Cause.START_TIMEOUT, id="a wait of seconds is no absence"),
        pytest.param(seen(300, its_pod=waiting(created_at=ago(1))), None, id="its first status is not written yet"),
        pytest.param(seen(300, its_pod=waiting(created_at=ago(299))), Cause.START_TIMEOUT, id="its pod came in time"),
        pytest.param(
            seen(400, first_look=399, its_pod=waiting(created_at=ago(1))), Cause.START_TIMEOUT, id="its pod was refused"
        ),
        pytest.param(seen(3600 + 119), None, id="within an hour"),
        pytest.param(seen(3600 + 120), Cause.START_TIMEOUT, id="after an hour nobody waits for it"),
    ],
)
def test_start_timeout_counts_from_when_an_operator_ran(of: Observed, expected: Cause | None) -> None:
    assert cause(of) is expected


def test_a_session_that_no_operator_has_seen_gets_its_pod() -> None:
    assert make_plan(seen(300), NOW, ControllerTimeouts()).create_pod


def test_the_message_says_that_no_operator_ran() -> None:
    of = seen(400, 120, waiting(node_name=None, created_at=ago(119)))
    assert start_timeout_message(of, None).startswith(
        "startTimeout 2m, which began when an operator ran again, 280 s after the creation: "
    )


def test_the_time_without_an_operator_is_no_stage() -> None:
    scheduled = waiting(scheduled_at=ago(117), created_at=ago(119))
    assert ": node 3 s, " in start_timeout_message(seen(400, 120, scheduled), None)
