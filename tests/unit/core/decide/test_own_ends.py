"""Ends that the bot began, as the operator sees them: nobody asked, another pipeline may follow, anybody may ask."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from botsession_contract.lifecycle import BotState, Cause, Farewell, Mode, Phase, Step
from botsession_contract.report import Ending, StepTaken
from botsession_contract.shutdown import Overrides
from botsession_operator.core.decide import termination
from botsession_operator.core.decide.finish import conclude
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.decide.shutdown import longest_ladder, overrides_to_contract
from botsession_operator.core.decide.supervisor_limits import patch_for_supervisor
from botsession_operator.core.decide.termination import EndIntent
from botsession_operator.core.observe.observed import NoSnapshot, Observed
from botsession_operator.core.observe.timeline import timeline_of
from botsession_operator.core.status.derive import Applied, derive_status
from tests.builders import (
    NOW,
    ago,
    asked,
    ended,
    observed,
    pod,
    report,
    session,
    snapshot,
    spec,
    started,
    with_timeline,
)

OWN: Final = Ending(Cause.BOT_ENDED, Mode.GRACEFUL, ago(20), (StepTaken(Step.END_FRAME, ago(20)),))
ENDING: Final = snapshot(BotState.ENDING, ending=OWN)
TIMEOUTS: Final = ControllerTimeouts()


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        pytest.param(
            observed(session(started()), pod(), ENDING),
            EndIntent(Cause.BOT_ENDED, Mode.GRACEFUL, ago(20)),
            id="the supervisor tells of it",
        ),
        pytest.param(
            observed(session(started(ending=asked(Cause.BOT_ENDED, since=20))), pod(), NoSnapshot.UNREACHABLE),
            EndIntent(Cause.BOT_ENDED, Mode.GRACEFUL, ago(20)),
            id="it is recorded, and the supervisor is silent",
        ),
        pytest.param(
            observed(session(started(ending=asked(Cause.BOT_ENDED, since=20))), pod(), snapshot()),
            None,
            id="another pipeline has begun",
        ),
        pytest.param(
            observed(session(started(), is_deleting=True), pod(), ENDING),
            EndIntent(Cause.DELETED, Mode.GRACEFUL, NOW),
            id="who asks meanwhile takes its place",
        ),
        pytest.param(
            observed(session(started(), maxSessionDuration="50s"), pod(), ENDING),
            EndIntent(Cause.MAX_DURATION, Mode.GRACEFUL, NOW),
            id="and so does the limit",
        ),
        pytest.param(
            observed(session(started(ending=asked(Cause.DELETED, since=5))), pod(), ENDING),
            EndIntent(Cause.DELETED, Mode.GRACEFUL, ago(5)),
            id="the supervisor has not heard of it yet",
        ),
    ],
)
def test_who_wants_it_over(seen: Observed, wanted: EndIntent | None) -> None:
    assert termination.end_intent(seen, timeline_of(seen, NOW)) == wanted


def test_a_supervisor_whose_bot_ends_itself_is_told_of_whoever_asks() -> None:
    seen = observed(session(started(), is_deleting=True), pod(), ENDING)
    end = make_plan(seen, NOW, TIMEOUTS).end_request
    assert end is not None
    assert (end.cause, end.mode) == (Cause.DELETED, Mode.GRACEFUL)


def test_nobody_is_told_of_an_end_that_the_bot_began_and_no_pod_is_deleted_for_it() -> None:
    long_ago = replace(OWN, requested_at=ago(3000))
    seen = observed(session(started()), pod(), snapshot(BotState.ENDING, ending=long_ago))
    plan = make_plan(seen, NOW, TIMEOUTS)
    assert (plan.end_request, plan.delete_pod) == (None, None)
    assert plan.requeue_at is not None
    assert plan.requeue_at <= ago(50) + timedelta(minutes=30)


def test_a_session_goes_back_to_running_with_the_next_pipeline() -> None:
    before = replace(started(ending=asked(Cause.BOT_ENDED, since=20)), phase=Phase.ENDING, ending_at=ago(20))
    seen = observed(session(before), pod(), snapshot(pipelines_finished=1))
    status = derive_status(seen, make_plan(seen, NOW, TIMEOUTS), Applied(), NOW)
    assert (status.phase, status.ending, status.ending_at) == (Phase.RUNNING, None, None)


def test_the_record_of_an_own_end_has_its_steps_and_no_farewell() -> None:
    seen = observed(session(started()), ended(left=report(ending=OWN, conversation_ended_at=ago(10))))
    status = derive_status(seen, make_plan(seen, NOW, TIMEOUTS), Applied(), NOW)
    assert status.ending is not None
    assert (status.ending.cause, status.ending.step, status.ending.farewell) == (Cause.BOT_ENDED, Step.END_FRAME, None)
    assert (status.conversation_ended_at, status.duration) == (ago(10), "40s")


def test_a_request_that_came_too_late_says_so_of_its_farewell() -> None:
    before = started(ending=asked(Cause.DELETED, since=5))
    seen = observed(session(before), ended(left=report(ending=OWN)))
    status = derive_status(seen, make_plan(seen, NOW, TIMEOUTS), Applied(), NOW)
    assert status.ending is not None
    assert (status.ending.cause, status.ending.requested_at) == (Cause.DELETED, ago(5))
    assert status.ending.farewell is Farewell.ALREADY_ENDING


def test_a_pod_that_went_while_its_bot_ended_itself_was_not_asked_to_end() -> None:
    seen = observed(session(started(ending=asked(Cause.BOT_ENDED))), ended("Error"))
    assert conclude(seen, termination.end_intent(seen, timeline_of(seen, NOW)), NOW) is not None


def test_periods_of_own_ends_are_told_and_lengthen_no_pods_grace() -> None:
    shutdown = spec(shutdown={"mode": "Graceful", "gracePeriod": "30s", "cancelPeriod": "10s", "farewell": ""}).shutdown
    longer = spec(
        shutdown={
            "mode": "Graceful",
            "gracePeriod": "30s",
            "cancelPeriod": "10s",
            "farewell": "",
            "overrides": {"botEnded": {"gracePeriod": "5m"}},
        }
    ).shutdown
    said = overrides_to_contract(longer).bot_ended
    assert said is not None
    assert (said.grace_period_seconds, said.cancel_period_seconds) == (300, 10)
    assert longest_ladder(longer) == longest_ladder(shutdown)


@pytest.mark.parametrize(("count", "is_told"), [(None, False), (0, True)])
def test_only_a_runtime_that_knows_of_own_ends_is_told_of_their_periods(count: int | None, *, is_told: bool) -> None:
    its = session(started(), shutdown={"overrides": {"botEnded": {"gracePeriod": "5m"}}})
    patch = patch_for_supervisor(
        *with_timeline(observed(its, pod(), snapshot(overrides=Overrides(), pipelines_finished=count)))
    )
    assert (patch is not None and patch.overrides is not None) is is_told
