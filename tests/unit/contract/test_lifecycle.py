"""Which endings count as a success."""

import pytest

from botsession_contract.lifecycle import (
    ERROR_REASONS,
    FAILED_OUTCOMES,
    Cause,
    Outcome,
    Phase,
    Reason,
    final_phase,
    reason_for,
)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_leads_to_a_reason(cause: Cause) -> None:
    expected = Reason.COMPLETED if cause is Cause.BOT_ENDED else Reason(cause.value)
    assert reason_for(cause) is expected


@pytest.mark.parametrize("reason", Reason)
def test_reason_alone_decides_where_the_bot_ended_as_it_should(reason: Reason) -> None:
    expected = Phase.FAILED if reason in ERROR_REASONS else Phase.SUCCEEDED
    assert final_phase(reason, Outcome.DRAINED) is expected


def test_bot_that_listened_and_was_never_called_has_succeeded() -> None:
    assert final_phase(Reason.NO_CLIENT, Outcome.NEVER_STARTED) is Phase.SUCCEEDED


def test_bot_whose_client_left_while_it_started_has_succeeded() -> None:
    assert final_phase(Reason.CLIENT_DISCONNECTED, Outcome.NEVER_STARTED) is Phase.SUCCEEDED


@pytest.mark.parametrize("outcome", Outcome)
def test_outcome_can_fail_a_session_that_ended_for_a_good_reason(outcome: Outcome) -> None:
    expected = Phase.FAILED if outcome in FAILED_OUTCOMES else Phase.SUCCEEDED
    assert final_phase(Reason.COMPLETED, outcome) is expected
