"""Rule: what a webhook is sent, when, and what is recorded of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from botsession_contract.lifecycle import Phase
from botsession_operator.api.status import (
    Condition,
    ConditionStatus,
    ConditionType,
    Delivery,
    Status,
    WebhookStatus,
)
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.observe.webhook_delivery import Attempt, EventType
from botsession_operator.core.status.derive import Applied, derive_status
from botsession_operator.core.webhook import events_due
from tests.builders import NOW, ago, ended, later, observed, over, pod, report, session, started

STARTED, FINISHED = EventType.STARTED, EventType.FINISHED
UNTRIED, UNDER_WAY = Attempt(), Attempt(is_under_way=True)
FAILED, RESTED = Attempt(failures=1, next_at=later(5)), Attempt(failures=1, next_at=ago(1))
TAKEN = Attempt(outcome=Delivery.DELIVERED)
NOBODY: dict[EventType, Attempt] = {}
PATIENCE = ControllerTimeouts().webhook_patience


def holds(kind: ConditionType, since: float) -> Condition:
    return Condition(kind, ConditionStatus.TRUE, "Reason", "", ago(since), 1)


def pending(since: float = 10, **recorded: Delivery) -> Status:
    """Return the status of a session that is over, and of which both events are to be sent but for what is said."""
    conditions = (holds(ConditionType.STARTED, since), holds(ConditionType.FINISHED, since))
    known = WebhookStatus(**{"started": Delivery.PENDING, "finished": Delivery.PENDING, **recorded})
    return replace(over(since=since), conditions=conditions, webhook=known, started_at=ago(60))


def seen(status: Status, attempts: dict[EventType, Attempt], **of_session: Any) -> Observed:
    return replace(observed(session(status, **of_session), None), deliveries=attempts)


def plan_for(observed: Observed, now: datetime = NOW) -> tuple[tuple[EventType, ...], tuple[EventType, ...]]:
    plan = make_plan(observed, now, ControllerTimeouts())
    return plan.deliver, plan.give_up


@pytest.mark.parametrize(
    ("recorded", "attempts", "sent"),
    [
        pytest.param(pending(), NOBODY, (), id="nobody wants to hear of it"),
        pytest.param(pending(), {STARTED: UNTRIED, FINISHED: UNTRIED}, (STARTED,), id="the start comes first"),
        pytest.param(pending(), {STARTED: UNDER_WAY, FINISHED: UNTRIED}, (), id="the finish waits for it"),
        pytest.param(pending(), {STARTED: FAILED, FINISHED: UNTRIED}, (FINISHED,), id="but not for its success"),
        pytest.param(pending(), {STARTED: TAKEN, FINISHED: UNTRIED}, (FINISHED,), id="it was taken"),
        pytest.param(pending(), {FINISHED: UNTRIED}, (FINISHED,), id="only the finish is wanted"),
        pytest.param(pending(started=Delivery.GAVE_UP), {STARTED: UNTRIED, FINISHED: UNTRIED}, (FINISHED,), id="once"),
        pytest.param(pending(), {STARTED: RESTED, FINISHED: RESTED}, (STARTED, FINISHED), id="tried again"),
        pytest.param(pending(), {STARTED: TAKEN, FINISHED: FAILED}, (), id="not yet again"),
        pytest.param(over(since=10), {STARTED: UNTRIED, FINISHED: UNTRIED}, (), id="it was over before"),
    ],
)
def test_what_is_sent_now(recorded: Status, attempts: dict[EventType, Attempt], sent: tuple[EventType, ...]) -> None:
    assert plan_for(seen(recorded, attempts)) == (sent, ())


def test_a_start_is_sent_while_the_session_runs() -> None:
    recorded = started(conditions=(holds(ConditionType.STARTED, 50),), webhook=WebhookStatus(Delivery.PENDING))
    running = replace(observed(session(recorded), pod()), deliveries={STARTED: UNTRIED, FINISHED: UNTRIED})
    assert plan_for(running) == ((STARTED,), ())


@pytest.mark.parametrize(
    ("since", "attempt", "given_up"),
    [
        pytest.param(PATIENCE, RESTED, True, id="its time is over"),
        pytest.param(PATIENCE - timedelta(seconds=1), RESTED, False, id="not before"),
        pytest.param(PATIENCE, FAILED, True, id="also while it rests"),
        pytest.param(PATIENCE, UNDER_WAY, False, id="not while it is on its way"),
        pytest.param(2 * PATIENCE, UNTRIED, False, id="each operator tries it once"),
    ],
)
def test_when_an_event_is_given_up(since: timedelta, attempt: Attempt, given_up: bool) -> None:
    late = seen(pending(since.total_seconds(), started=Delivery.DELIVERED), {FINISHED: attempt})
    assert plan_for(late)[1] == ((FINISHED,) if given_up else ())
    assert (FINISHED in plan_for(late)[0]) is (attempt is UNTRIED or (attempt is RESTED and not given_up))


@pytest.mark.parametrize(
    ("attempts", "goes"),
    [
        pytest.param({FINISHED: UNTRIED}, False, id="its finish is to be sent"),
        pytest.param({FINISHED: UNDER_WAY}, False, id="its finish is on its way"),
        pytest.param({FINISHED: FAILED}, False, id="its finish is sent again"),
        pytest.param({FINISHED: TAKEN}, True, id="its finish was taken, though that is not recorded"),
        pytest.param({FINISHED: Attempt(outcome=Delivery.GAVE_UP)}, True, id="its finish was given up"),
        pytest.param({STARTED: FAILED, FINISHED: TAKEN}, False, id="its start is sent again"),
        pytest.param(NOBODY, True, id="there is no webhook any more"),
    ],
)
def test_when_a_session_goes(attempts: dict[EventType, Attempt], goes: bool) -> None:
    deleted = make_plan(seen(pending(), attempts, is_deleting=True), NOW, ControllerTimeouts())
    expired = make_plan(seen(pending(), attempts, ttlAfterFinished="1s"), NOW, ControllerTimeouts())
    assert (deleted.release_session, expired.delete_session) == (goes, goes)


def test_the_next_look_is_the_next_try() -> None:
    waits = seen(pending(), {STARTED: FAILED, FINISHED: Attempt(2, next_at=later(9))}, ttlAfterFinished="1s")
    assert make_plan(waits, NOW, ControllerTimeouts()).requeue_at == later(5)


def test_the_next_look_is_the_end_of_patience_where_the_next_try_comes_later() -> None:
    late = Attempt(3, next_at=later(300))
    waits = seen(pending(PATIENCE.total_seconds() - 7, started=Delivery.DELIVERED), {FINISHED: late})
    assert make_plan(waits, NOW, ControllerTimeouts()).requeue_at == later(7)


def recorded_of(look: Observed) -> WebhookStatus | None:
    return derive_status(look, make_plan(look, NOW, ControllerTimeouts()), Applied(), NOW).webhook


def test_what_is_to_be_sent_is_recorded_with_what_it_tells_of() -> None:
    wanted = {STARTED: UNTRIED, FINISHED: UNTRIED}
    running = replace(observed(session(), pod()), deliveries=wanted)
    finished = replace(observed(session(started()), ended(left=report())), deliveries=wanted)
    in_one = replace(observed(session(), ended(left=report())), deliveries=wanted)
    assert recorded_of(running) == WebhookStatus(started=Delivery.PENDING)
    assert recorded_of(finished) == WebhookStatus(finished=Delivery.PENDING)
    assert recorded_of(in_one) == WebhookStatus(Delivery.PENDING, Delivery.PENDING)


def test_nothing_is_recorded_where_nobody_wants_to_hear_of_it() -> None:
    assert recorded_of(observed(session(), pod())) is None
    assert recorded_of(replace(observed(session(), pod()), deliveries={FINISHED: UNTRIED})) is None


@pytest.mark.parametrize("outcome", [Delivery.DELIVERED, Delivery.GONE, Delivery.GAVE_UP])
def test_what_became_of_it_is_recorded_and_nothing_else_moves(outcome: Delivery) -> None:
    before = pending(started=Delivery.DELIVERED)
    look = seen(before, {STARTED: UNTRIED, FINISHED: Attempt(outcome=outcome)})
    after = derive_status(look, make_plan(look, NOW, ControllerTimeouts()), Applied(), NOW)
    assert after == replace(before, webhook=WebhookStatus(Delivery.DELIVERED, outcome))


def test_nothing_is_written_to_a_session_that_goes() -> None:
    look = seen(pending(), {STARTED: TAKEN, FINISHED: TAKEN}, is_deleting=True)
    assert derive_status(look, make_plan(look, NOW, ControllerTimeouts()), Applied(), NOW) == look.session.status


def test_what_was_recorded_stays_when_the_webhook_goes() -> None:
    assert recorded_of(seen(pending(), NOBODY)) == WebhookStatus(Delivery.PENDING, Delivery.PENDING)
    assert events_due.pending_events(seen(pending(), NOBODY)) == ()


def test_a_session_without_a_record_awaits_nothing() -> None:
    assert events_due.pending_events(replace(observed(session(), None), deliveries={STARTED: UNTRIED})) == ()
    assert replace(over(Phase.FAILED, since=1)).webhook is None
