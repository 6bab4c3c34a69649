"""Rule: what the conditions of a session say."""

from typing import Final

import pytest

from botsession_contract.lifecycle import BotState, Cause
from botsession_operator.api.reasons import ConditionReason, ExternalReason
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType
from botsession_operator.core.decide.finish import conclude
from botsession_operator.core.observe.observed import NoSnapshot, Observed, WaitingReason
from botsession_operator.core.status.conditions import ConditionUpdate, condition_updates, merge
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
    started,
    status,
    unmet,
    waiting,
    with_timeline,
)

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
CREATED, STARTED = ConditionType.POD_CREATED, ConditionType.STARTED
WATCHED = ConditionType.WATCHED
CONTROLLED, FINISHED = ConditionType.CONTROLLED, ConditionType.FINISHED


def said(seen: Observed, refusal: WaitingReason | None = None) -> dict[ConditionType, tuple[str, str]]:
    final_result = conclude(seen, None, NOW)
    return {
        update.type: (update.status, update.reason)
        for update in condition_updates(*with_timeline(seen), refusal, final_result)
    }


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        pytest.param(observed(session(), None), "WaitingForNode", id="the pod is created by this pass"),
        pytest.param(observed(session(), waiting("ErrImagePull")), "ErrImagePull", id="in the kubelet's words"),
        pytest.param(observed(session(), pod(), snapshot(BotState.STARTING)), "ImportingBot", id="the bot starts"),
    ],
)
def test_what_a_session_waits_for_before_it_starts(seen: Observed, reason: str) -> None:
    assert said(seen)[STARTED] == (FALSE, reason)


@pytest.mark.parametrize(
    ("unwatched", "before", "claimed"),
    [
        pytest.param(None, (), None, id="not said of a session that is watched"),
        pytest.param("why", (), (FALSE, "HookCannotConnect"), id="nobody watches"),
        pytest.param(None, (unmet(WATCHED, "HookCannotConnect"),), (TRUE, "HookConnected"), id="somebody does again"),
    ],
)
def test_session_says_that_nobody_watches_its_pipeline(
    unwatched: str | None, before: tuple[Condition, ...], claimed: tuple[str, str] | None
) -> None:
    seen = snapshot(BotState.RUNNING, started_at=NOW, unwatched=unwatched)
    assert said(observed(session(status(conditions=before)), pod(), seen)).get(WATCHED) == claimed


IMPORTED: Final = status(conditions=(unmet(STARTED, "StartingPipeline"),))


def test_a_bot_that_was_imported_stays_so_when_its_supervisor_is_silent() -> None:
    assert STARTED not in said(observed(session(IMPORTED), pod(), NoSnapshot.UNREACHABLE))


def test_a_supervisor_that_answers_says_what_its_bot_is_at() -> None:
    control = snapshot(BotState.STARTING, bot_imported_at=ago(52))
    assert said(observed(session(IMPORTED), pod(), control))[STARTED] == (FALSE, "StartingPipeline")


def test_a_session_has_started_when_its_pipeline_has() -> None:
    assert said(observed(session(), pod()))[STARTED] == (TRUE, "PipelineStarted")


def test_what_kept_it_from_starting_stays_readable_while_its_pod_goes() -> None:
    assert STARTED not in said(observed(session(status(ending=asked(Cause.START_TIMEOUT))), waiting()))


def test_the_pod_is_created() -> None:
    assert said(observed(session(), pod()))[CREATED] == (TRUE, "Created")


def test_a_refusal_is_told_in_the_servers_words() -> None:
    told = said(observed(session(), None), WaitingReason(ConditionReason.QUOTA_EXCEEDED, "…"))
    assert told[CREATED] == (FALSE, "QuotaExceeded")
    assert told[STARTED] == (FALSE, "PodMissing")


def test_a_supervisor_that_is_leaving_is_not_called_silent() -> None:
    ending = status(ending=asked(Cause.DELETED))
    assert CONTROLLED not in said(observed(session(ending), pod(), NoSnapshot.UNREACHABLE))


@pytest.mark.parametrize(
    ("control", "status"),
    [
        pytest.param(snapshot(), (TRUE, "Answers"), id="it answers"),
        pytest.param(NoSnapshot.UNREACHABLE, (UNKNOWN, "NoAnswer"), id="it does not answer"),
        pytest.param(NoSnapshot.NOT_ASKED, (UNKNOWN, "NoAnswer"), id="it has no address yet"),
    ],
)
def test_the_control_endpoint(control: object, status: tuple[str, str]) -> None:
    seen = Observed(session(), pod(), control)  # type: ignore[arg-type]  # a snapshot or silence
    assert said(seen)[CONTROLLED] == status


def test_a_pod_that_does_not_run_has_no_control_endpoint() -> None:
    assert CONTROLLED not in said(observed(session(), waiting()))


def test_a_live_session_is_not_finished() -> None:
    assert said(observed(session(), pod()))[FINISHED] == (FALSE, "NotFinished")


def test_a_finished_session_gives_its_reason_and_whether_it_ever_started() -> None:
    assert said(observed(session(), ended(left=report()))) == {
        STARTED: (TRUE, "PipelineStarted"),
        FINISHED: (TRUE, "Completed"),
    }


def test_a_session_that_never_started_says_nothing_new_of_its_start() -> None:
    assert STARTED not in said(observed(session(), ended(left=report(started_at=None))))


OLD: Final = Condition(CREATED, TRUE, "Created", "", ago(30), 1)


@pytest.mark.parametrize(
    ("update", "since"),
    [
        pytest.param(ConditionUpdate(CREATED, TRUE, ConditionReason.CREATED), ago(30), id="the same"),
        pytest.param(
            ConditionUpdate(CREATED, TRUE, ExternalReason("Adopted")), ago(30), id="the same for another reason"
        ),
        pytest.param(ConditionUpdate(CREATED, FALSE, ExternalReason("Forbidden")), NOW, id="the opposite"),
    ],
)
def test_a_conditions_time_moves_with_its_status(update: ConditionUpdate, since: object) -> None:
    (merged,) = merge(started(conditions=(OLD,)), (update,), 2, NOW)

    assert merged == Condition(CREATED, update.status, update.reason, "", merged.last_transition_time, 2)
    assert merged.last_transition_time == since


def test_what_is_not_said_again_is_kept_and_conditions_keep_their_order() -> None:
    merged = merge(
        started(conditions=(OLD,)),
        (
            ConditionUpdate(FINISHED, FALSE, ConditionReason.NOT_FINISHED),
            ConditionUpdate(STARTED, TRUE, ExternalReason("X")),
        ),
        1,
        NOW,
    )

    assert [condition.type for condition in merged] == [CREATED, STARTED, FINISHED]
    assert merged[0] == OLD


def test_a_bot_between_two_pipelines_says_until_when_it_may_start_the_next() -> None:
    control = snapshot(BotState.ENDING, pipelines_finished=2, next_pipeline_until=NOW)
    seen = observed(session(started()), pod(), control)
    update = next(update for update in condition_updates(*with_timeline(seen), None, None) if update.type is STARTED)
    assert (update.status, update.reason) == (TRUE, "BetweenPipelines")
    assert update.message == "2 pipelines have finished; the bot may start the next until 12:00:00Z"


def test_a_bot_whose_process_with_the_pipeline_is_gone_says_until_when_it_may_start_the_next() -> None:
    control = snapshot(BotState.RUNNING, pipelines_finished=0, next_pipeline_until=NOW)
    seen = observed(session(started()), pod(), control)
    update = next(update for update in condition_updates(*with_timeline(seen), None, None) if update.type is STARTED)
    assert (update.status, update.reason) == (TRUE, "BetweenPipelines")
    gone = "the process that ran the pipeline ended before the pipeline had finished"
    assert update.message == f"{gone}; the bot may start the next until 12:00:00Z"
