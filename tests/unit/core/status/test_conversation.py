"""Rule: which news of what the caller got are written of a session that goes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from botsession_contract.conversation import Conversation, ProcessorErrors
from botsession_contract.lifecycle import Outcome, Phase, ProcessorKind, Reason, ReportedBy
from botsession_operator.api.status import Finish, Status
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.observed import NoSnapshot
from botsession_operator.core.status.coalescing import write_due_at
from botsession_operator.core.status.conversation import (
    SETTLE,
    is_silent,
    seconds_to_first_sound,
    without_count_changes,
)
from botsession_operator.core.status.derive import Applied, derive_status
from botsession_operator.core.status.metric_samples import MAX_ERRORS, Metric, MetricSample, samples_of
from tests.builders import NOW, ago, ended, later, observed, pod, report, session, snapshot, started, status

SILENT = Conversation(has_audio=True)
SPOKEN = Conversation(has_audio=True, first_sound_at=ago(4), bot_turns=1)
FAILED = Conversation(has_audio=True, errors=(ProcessorErrors(ProcessorKind.LLM, 1, "FarModel"),))
FAILED_MORE = replace(FAILED, errors=(replace(FAILED.errors[0], count=7, last_message="again"),))


def in_call(conversation: Conversation | None, **members: object) -> Status:
    return started(client_connected_at=ago(5), conversation=conversation, **members)


@pytest.mark.parametrize(
    ("before", "now", "is_written"),
    [
        pytest.param(None, SILENT, True, id="what is known at first"),
        pytest.param(SILENT, SPOKEN, True, id="the first sound"),
        pytest.param(SILENT, FAILED, True, id="a processor's first error"),
        pytest.param(SPOKEN, replace(SPOKEN, bot_turns=9, caller_turns=8), False, id="turns"),
        pytest.param(FAILED, FAILED_MORE, False, id="errors that come again"),
    ],
)
def test_counts_alone_are_not_written(before: Conversation | None, now: Conversation, is_written: bool) -> None:
    recorded = in_call(before)
    assert without_count_changes(recorded, in_call(now)) == (in_call(now) if is_written else recorded)


def test_counts_are_written_with_anything_else() -> None:
    now = in_call(FAILED_MORE, pod_ip="10.0.0.7")
    assert without_count_changes(in_call(FAILED), now) == now


def test_the_first_sound_waits_for_other_news_for_a_moment() -> None:
    due = write_due_at(observed(session(in_call(SILENT)), pod()), in_call(SPOKEN), ControllerTimeouts())
    assert due == ago(5) + SETTLE


def derived(seen_status: Status | None, *seen: object) -> Conversation | None:
    these = observed(session(seen_status), *seen)  # type: ignore[arg-type]
    return derive_status(these, make_plan(these, NOW, ControllerTimeouts()), Applied(), NOW).conversation


def test_the_status_of_a_live_session_tells_what_its_supervisor_does() -> None:
    assert derived(in_call(SILENT), pod(), snapshot(conversation=SPOKEN)) == SPOKEN


def test_what_is_recorded_stays_while_the_supervisor_is_silent_or_too_old_to_tell() -> None:
    assert derived(in_call(SPOKEN), pod(), NoSnapshot.UNREACHABLE) == SPOKEN
    assert derived(in_call(SPOKEN), pod(), snapshot()) == SPOKEN


def test_the_report_has_the_last_word_and_the_record_where_there_is_none() -> None:
    assert derived(in_call(SILENT), ended(left=report(conversation=SPOKEN))) == SPOKEN
    assert derived(in_call(SPOKEN), ended(left=report())) == SPOKEN
    assert derived(in_call(SPOKEN), None) == SPOKEN


@pytest.mark.parametrize(
    ("conversation", "client", "silent"),
    [
        pytest.param(SILENT, True, True, id="a client was there, and there was no sound"),
        pytest.param(SPOKEN, True, False, id="there was a sound"),
        pytest.param(SILENT, False, False, id="nobody was there"),
        pytest.param(Conversation(has_audio=False), True, False, id="a bot that plays no audio"),
        pytest.param(Conversation(), True, False, id="it is not known whether it does"),
        pytest.param(None, True, False, id="a runtime that is too old to tell"),
    ],
)
def test_which_session_is_silent(conversation: Conversation | None, client: bool, silent: bool) -> None:
    seen = started(client_connected_at=ago(5) if client else None, conversation=conversation)
    assert is_silent(seen) is silent


def test_a_bot_that_spoke_as_its_client_came_let_nobody_wait() -> None:
    assert seconds_to_first_sound(in_call(replace(SPOKEN, first_sound_at=ago(6)))) == 0.0
    assert seconds_to_first_sound(in_call(SPOKEN)) == 1.0
    assert seconds_to_first_sound(in_call(SILENT)) is None


def over(conversation: Conversation | None) -> Status:
    finish = Finish(Reason.COMPLETED, Outcome.DRAINED, ReportedBy.RUNTIME)
    return status(
        Phase.SUCCEEDED, finish=finish, finished_at=NOW, client_connected_at=ago(5), conversation=conversation
    )


def counted(conversation: Conversation | None) -> set[MetricSample]:
    kinds = {Metric.FIRST_SOUND, Metric.SILENT, Metric.BOT_ERRORS}
    return {count for count in samples_of("bots", started(), over(conversation)) if count.metric in kinds}


def test_what_the_caller_got_is_counted_with_the_finish() -> None:
    assert counted(SPOKEN) == {MetricSample(Metric.FIRST_SOUND, 1.0)}
    assert counted(FAILED_MORE) == {
        MetricSample(Metric.SILENT, 1, ("bots",)),
        MetricSample(Metric.BOT_ERRORS, 7, ("bots", "LLM")),
    }
    assert counted(None) == set()


def test_no_report_counts_more_errors_than_a_session_has() -> None:
    endless = replace(SPOKEN, errors=(ProcessorErrors(ProcessorKind.STT, 2**31 - 1),))
    assert MetricSample(Metric.BOT_ERRORS, MAX_ERRORS, ("bots", "STT")) in counted(endless)


def test_a_first_sound_that_is_said_to_be_to_come_counts_as_no_more_than_a_session_lasts() -> None:
    (first,) = counted(replace(SPOKEN, first_sound_at=later(timedelta(days=900).total_seconds())))
    assert first.value == 2 * 24 * 3600.0
