"""What a supervisor answers when it is asked for its session."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from botsession_contract.launch import Launch
from botsession_contract.lifecycle import BotState, Cause, Mode, Outcome, Reason
from botsession_contract.report import ExitReport
from botsession_contract.session_limits import NO_LIMITS
from botsession_runtime.pipelines import Finish
from botsession_runtime.session_state import Request, SessionState
from botsession_runtime.snapshot import snapshot_of

LAUNCH = Launch(namespace="tests", name="session", token_sha256="")
STARTING = SessionState(began=100.0)
RUNNING = replace(STARTING, started_at=102.0)
ENDING = replace(RUNNING, request=Request(Cause.MAX_DURATION, Mode.GRACEFUL, 150.0, 30.0, 10.0))
REPORT = ExitReport(Reason.COMPLETED, Outcome.DRAINED, datetime(2026, 1, 31, tzinfo=UTC))


def wall(moment: float) -> datetime:
    return datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=moment)


@pytest.mark.parametrize(
    ("state", "report", "expected"),
    [
        pytest.param(STARTING, None, BotState.STARTING, id="no pipeline has started"),
        pytest.param(RUNNING, None, BotState.RUNNING, id="a pipeline has started"),
        pytest.param(ENDING, None, BotState.ENDING, id="the session was asked to end"),
        pytest.param(ENDING, REPORT, BotState.FINISHED, id="the report is written"),
    ],
)
def test_state_of_the_bot(state: SessionState, report: ExitReport | None, expected: BotState) -> None:
    assert snapshot_of(state, LAUNCH, report, NO_LIMITS, None, wall, 160.0).state is expected


def test_times_are_those_of_the_wall_clock() -> None:
    snapshot = snapshot_of(RUNNING, LAUNCH, None, NO_LIMITS, 200.0, wall, 160.0)
    assert (snapshot.now, snapshot.started_at, snapshot.deadline) == (wall(160.0), wall(102.0), wall(200.0))


def test_finished_pipelines_count_the_one_of_this_stage() -> None:
    finished = replace(RUNNING, stage_count=2, finish=Finish("EndFrame", None, is_ours=False, at=150.0))
    assert snapshot_of(finished, LAUNCH, None, NO_LIMITS, None, wall, 160.0).pipelines_finished == 3
