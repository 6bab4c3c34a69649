"""Rule: how a session ends, by who ends it."""

from datetime import timedelta
from typing import Final

import pytest

from botsession_contract.lifecycle import Cause, Mode
from botsession_operator.api.spec import Json, Shutdown
from botsession_operator.core.decide.shutdown import ladder_length, longest_ladder, shutdown_for
from tests.builders import spec

USUAL: Final = {"mode": "Graceful", "gracePeriod": "30s", "cancelPeriod": "10s", "farewell": "Goodbye!"}


def shutdown(**overrides: Json) -> Shutdown:
    return spec(shutdown={**USUAL, "overrides": overrides}).shutdown


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        pytest.param({}, (Mode.GRACEFUL, 30, 10, "Goodbye!"), id="nothing"),
        pytest.param({"mode": "Immediate"}, (Mode.IMMEDIATE, 30, 10, "Goodbye!"), id="the mode"),
        pytest.param({"gracePeriod": "0s"}, (Mode.GRACEFUL, 0, 10, "Goodbye!"), id="no grace, which is not nothing"),
        pytest.param({"cancelPeriod": "2s"}, (Mode.GRACEFUL, 30, 2, "Goodbye!"), id="the cancel period"),
        pytest.param({"farewell": ""}, (Mode.GRACEFUL, 30, 10, ""), id="no farewell, which is not nothing"),
    ],
)
def test_what_is_said_of_a_cause_goes_first(override: Json, expected: tuple[Mode, int, int, str]) -> None:
    ends = shutdown_for(shutdown(deleted=override), Cause.DELETED)

    assert (ends.mode, ends.grace_period.seconds, ends.cancel_period.seconds, ends.farewell) == expected


def test_other_causes_are_left_alone() -> None:
    ends = shutdown(deleted={"mode": "Immediate", "gracePeriod": "5m"})

    assert shutdown_for(ends, Cause.EVICTED) == shutdown()


def test_the_ladder_takes_both_periods() -> None:
    assert ladder_length(shutdown(deleted={"gracePeriod": "1m"}), Cause.DELETED) == timedelta(seconds=70)
    assert ladder_length(shutdown(deleted={"gracePeriod": "1m"}), Cause.EVICTED) == timedelta(seconds=40)


@pytest.mark.parametrize(
    ("overrides", "seconds"),
    [
        pytest.param({}, 40, id="of all"),
        pytest.param({"maxDuration": {"gracePeriod": "5m"}}, 310, id="of one cause"),
        pytest.param({"maxDuration": {"gracePeriod": "1s"}}, 40, id="of the causes that nothing is said of"),
    ],
)
def test_the_longest_ladder_counts(overrides: dict[str, Json], seconds: int) -> None:
    assert longest_ladder(shutdown(**overrides)) == timedelta(seconds=seconds)
