"""When a change of status is written: at once where somebody may be waiting for it."""

from datetime import datetime, timedelta
from typing import Final

import pytest

from botsession_contract.lifecycle import Cause, Mode, Outcome, Phase, Reason, ReportedBy, Step
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType, Finish, Status
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import NoSnapshot
from botsession_operator.core.status.coalescing import write_due_at
from tests.builders import NOW, ago, asked, later, observed, pod, session, snapshot, started, status, taken, unmet

TIMEOUTS: Final = ControllerTimeouts(status_settle=timedelta(seconds=5), ending_settle=timedelta(seconds=1))
FINISH: Final = Finish(Reason.COMPLETED, Outcome.DRAINED, ReportedBy.RUNTIME)
PULLING: Final = (unmet(ConditionType.STARTED, "ErrImagePull"),)
CREATING: Final = (unmet(ConditionType.STARTED, "ContainerCreating"),)
WAITING: Final = (unmet(ConditionType.STARTED, "WaitingForCaller"),)
REFUSED: Final = (unmet(ConditionType.POD_CREATED, "QuotaExceeded"),)


def since(seconds: float) -> tuple[Condition, ...]:
    """Return a condition that came to hold so many seconds ago."""
    return (Condition(ConditionType.STARTED, ConditionStatus.TRUE, "PipelineStarted", "", ago(seconds), 1),)


def due(before: Status | None, after: Status, created: datetime = NOW) -> datetime:
    return write_due_at(observed(session(before, created_at=created), pod()), after, TIMEOUTS)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(None, status(Phase.PENDING), later(5), id="a new session is Pending without a write"),
        pytest.param(None, status(Phase.STARTING), later(5), id="a start waits for more of it"),
        pytest.param(None, status(conditions=CREATING), later(5), id="what each start goes through is no trouble"),
        pytest.param(None, status(conditions=PULLING), NOW, id="an image that does not come is told at once"),
        pytest.param(None, status(conditions=WAITING), NOW, id="that a bot waits for its caller is told at once"),
        pytest.param(None, status(conditions=REFUSED), NOW, id="a pod that is refused is told at once"),
        pytest.param(
            status(conditions=PULLING), status(conditions=PULLING, node_name="n"), later(5), id="a trouble is told once"
        ),
        pytest.param(None, started(), NOW, id="a pipeline that runs is told at once"),
        pytest.param(status(), started(), NOW, id="after a start that took long too"),
        pytest.param(started(conditions=since(2)), started(pod_ip="10.0.0.7"), later(5), id="a detail waits"),
        pytest.param(started(), status(Phase.SUCCEEDED, finish=FINISH), NOW, id="a finish is told at once"),
        pytest.param(None, status(Phase.FAILED, finish=FINISH), NOW, id="a finish before the first write too"),
    ],
)
def test_when_a_new_session_is_written(before: Status | None, after: Status, expected: datetime) -> None:
    assert due(before, after) == expected


def test_a_detail_waits_from_the_last_news_on() -> None:
    before = started(conditions=since(2))

    assert due(before, started(pod_ip="10.0.0.7"), created=ago(60)) == later(3)


def test_a_detail_of_a_session_that_was_quiet_for_long_does_not_wait() -> None:
    before = started(conditions=since(40))

    assert due(before, started(pod_ip="10.0.0.7"), created=ago(60)) < NOW


def test_a_step_waits_from_the_request_on() -> None:
    before = status(Phase.ENDING, ending_at=ago(2), ending=asked(Cause.DELETED, since=2))
    after = status(Phase.ENDING, ending_at=ago(2), ending=asked(Cause.DELETED, since=2, step=Step.END_FRAME))

    assert due(before, after, created=ago(60)) == later(3)


def test_an_ending_that_the_supervisor_has_acknowledged_waits_a_moment() -> None:
    seen = observed(session(started()), pod(), snapshot(ending=taken(Cause.DELETED, Mode.GRACEFUL)))

    assert write_due_at(seen, status(Phase.ENDING, ending=asked(Cause.DELETED)), TIMEOUTS) == later(1)


def test_an_ending_that_only_the_operator_knows_of_is_written_at_once() -> None:
    seen = observed(session(started()), pod(), NoSnapshot.UNREACHABLE)

    assert write_due_at(seen, status(Phase.ENDING, ending=asked(Cause.DELETED)), TIMEOUTS) <= NOW
