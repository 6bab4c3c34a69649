"""Rule: whether a session's pod may be evicted."""

from dataclasses import replace

import pytest

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import BotState, Cause, Phase
from botsession_operator.api.spec import EvictionPolicy
from botsession_operator.core.decide import eviction
from botsession_operator.core.decide.eviction import BudgetChange
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.observed import NoSnapshot, Pod, Session
from tests.builders import NOW, ago, asked, ended, observed, pod, report, session, snapshot, started, status, waiting

QUIET = snapshot(tells_of_clients=True)
IN_CALL = replace(QUIET, client_connected_at=ago(10))
LEFT = replace(IN_CALL, client_disconnected_at=ago(2))
STARTING = snapshot(BotState.STARTING)
NEVER = session(started(), eviction="Never")
WHEN_IDLE = session(started(), eviction="WhenIdle")
ALLOW = session(started())
ENDING = started(ending=asked(Cause.IDLE_TIMEOUT))
OVER = status(Phase.SUCCEEDED)


@pytest.mark.parametrize(
    ("of", "its_pod", "control", "protected"),
    [
        pytest.param(ALLOW, pod(), IN_CALL, False, id="Allow: not even a call"),
        pytest.param(NEVER, pod(), QUIET, True, id="Never: nobody has come yet"),
        pytest.param(NEVER, pod(), NoSnapshot.UNREACHABLE, True, id="Never: silent"),
        pytest.param(session(eviction="Never"), None, None, True, id="Never: from the start"),
        pytest.param(session(eviction="WhenIdle"), None, None, False, id="WhenIdle: it has no pod"),
        pytest.param(session(eviction="WhenIdle"), waiting(), None, False, id="WhenIdle: its pod waits"),
        pytest.param(session(eviction="WhenIdle"), pod(), STARTING, False, id="WhenIdle: its pipeline starts"),
        pytest.param(WHEN_IDLE, pod(), QUIET, False, id="WhenIdle: nobody has come yet"),
        pytest.param(WHEN_IDLE, pod(), IN_CALL, True, id="WhenIdle: somebody has come"),
        pytest.param(WHEN_IDLE, pod(), LEFT, False, id="WhenIdle: everybody has left"),
        pytest.param(WHEN_IDLE, pod(), snapshot(), True, id="WhenIdle: nobody can tell who is there"),
    ],
)
def test_who_is_protected(
    of: Session, its_pod: Pod | None, control: SessionSnapshot | NoSnapshot, protected: bool
) -> None:
    assert eviction.is_protected(observed(of, its_pod, control)) is protected


@pytest.mark.parametrize("has_budget", [False, True])
def test_while_the_supervisor_is_silent_what_there_is_stays(has_budget: bool) -> None:
    seen = replace(observed(WHEN_IDLE, pod(), NoSnapshot.UNREACHABLE), has_budget=has_budget)

    assert eviction.budget_change(seen) is None


@pytest.mark.parametrize(
    ("of", "its_pod", "has_budget", "change"),
    [
        pytest.param(NEVER, pod(), False, BudgetChange.CREATE, id="it is protected"),
        pytest.param(session(eviction="Never"), None, False, BudgetChange.CREATE, id="as soon as it has a pod"),
        pytest.param(NEVER, pod(), True, None, id="it is protected already"),
        pytest.param(ALLOW, pod(), True, BudgetChange.DELETE, id="it was allowed meanwhile"),
        pytest.param(session(started(), eviction="WhenIdle"), pod(), True, None, id="nobody can tell who is there"),
        pytest.param(session(ENDING, eviction="Never"), pod(), True, BudgetChange.DELETE, id="it ends"),
        pytest.param(session(ENDING, eviction="Never"), pod(), False, None, id="it ends unprotected"),
        pytest.param(NEVER, ended(left=report()), True, BudgetChange.DELETE, id="it has ended"),
        pytest.param(NEVER, None, True, BudgetChange.DELETE, id="its pod is gone"),
        pytest.param(session(OVER, eviction="Never"), None, True, BudgetChange.DELETE, id="it is over"),
        pytest.param(session(OVER, eviction="Never"), None, False, None, id="nothing is left"),
    ],
)
def test_a_pass_makes_and_removes_the_budget(
    of: Session, its_pod: Pod | None, has_budget: bool, change: BudgetChange | None
) -> None:
    seen = replace(observed(of, its_pod), has_budget=has_budget)

    assert make_plan(seen, NOW, ControllerTimeouts()).budget is change


@pytest.mark.parametrize(
    ("of", "looks"),
    [
        pytest.param(session(), False, id="a new session that allows it"),
        pytest.param(session(started()), False, id="a session that allows it"),
        pytest.param(session(OVER), False, id="a finished one that allowed it"),
        pytest.param(session(started(), generation=2, is_deleting=True), False, id="a deleted one that allowed it"),
        pytest.param(
            session(started(), generation=3, is_deleting=True), True, id="a deleted one that was edited before"
        ),
        pytest.param(session(eviction="Never"), True, id="a session that does not"),
        pytest.param(session(started(), eviction="WhenIdle"), True, id="a session that does not always"),
        pytest.param(
            session(started(), generation=2), True, id="a session that was edited, and may have allowed it now"
        ),
        pytest.param(session(generation=2), True, id="a new session that was edited before its first pass was over"),
    ],
)
def test_a_session_that_allows_evictions_costs_no_look(of: Session, looks: bool) -> None:
    assert eviction.may_have_budget(of) is looks


@pytest.mark.parametrize(
    ("before", "change", "has_budget"),
    [(False, BudgetChange.CREATE, True), (True, BudgetChange.DELETE, False), (True, None, True), (False, None, False)],
)
def test_what_is_known_follows_what_was_done(before: bool, change: BudgetChange | None, has_budget: bool) -> None:
    seen = replace(observed(NEVER, pod()), has_budget=before)

    assert eviction.with_change(seen, change).has_budget is has_budget


def test_only_what_may_never_be_evicted_says_so_to_autoscalers() -> None:
    said = {policy: eviction.annotations(policy) for policy in EvictionPolicy}

    assert {policy for policy, annotations in said.items() if annotations} == {EvictionPolicy.NEVER}
