"""Rule: what the condition `Protected` says."""

from dataclasses import replace

import pytest

from botsession_contract.lifecycle import Cause, Mode
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import ConditionStatus, ConditionType
from botsession_operator.core.decide.termination import EndIntent
from botsession_operator.core.observe.observed import Observed, WaitingReason
from botsession_operator.core.status.protected_condition import protected_updates
from tests.builders import NOW, observed, pod, session, started, unmet

KNOWN = started(conditions=(unmet(ConditionType.PROTECTED, "Idle"),))
END = EndIntent(Cause.DELETED, Mode.GRACEFUL, NOW)


def seen(policy: str, *, has_budget: bool = False) -> Observed:
    return replace(observed(session(started(), eviction=policy), pod()), has_budget=has_budget)


@pytest.mark.parametrize(
    ("of", "end", "refusal", "said"),
    [
        pytest.param(seen("Allow"), None, None, None, id="nothing is said of what was always allowed"),
        pytest.param(seen("Never", has_budget=True), None, None, (True, "Never"), id="never"),
        pytest.param(seen("WhenIdle", has_budget=True), None, None, (True, "InCall"), id="in a call"),
        pytest.param(seen("WhenIdle"), None, None, (False, "Idle"), id="idle"),
        pytest.param(seen("Never"), END, None, (False, "Ending"), id="it ends"),
        pytest.param(
            seen("Never"),
            None,
            WaitingReason(ConditionReason.QUOTA_EXCEEDED, "no more"),
            (False, "QuotaExceeded"),
            id="refused",
        ),
        pytest.param(observed(session(KNOWN), pod()), None, None, (False, "Allow"), id="it has been allowed meanwhile"),
        pytest.param(observed(session(), None), None, None, None, id="nothing is said of a new session"),
    ],
)
def test_the_condition(
    of: Observed, end: EndIntent | None, refusal: WaitingReason | None, said: tuple[bool, str] | None
) -> None:
    updates = list(protected_updates(of, end, refusal))

    assert [(update.status is ConditionStatus.TRUE, update.reason) for update in updates] == ([said] if said else [])
    assert all(update.message for update in updates)
