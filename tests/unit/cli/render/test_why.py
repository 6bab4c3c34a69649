"""`botsession why` knows every reason and every outcome that a session may end with."""

import re
from itertools import product
from pathlib import Path

import pytest

from botsession_contract.lifecycle import ERROR_REASONS, Cause, Farewell, Mode, Outcome, Phase, Reason, ReportedBy, Step
from botsession_contract.report import DanglingTasks
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import ConditionType, Status
from botsession_operator.cli.render.hints import NEXT_STEPS, NEXT_STEPS_BY_OUTCOME
from botsession_operator.cli.render.why import why
from tests.builders import unmet
from tests.sessions import after, asked, finished, running, view

ROOT = Path(__file__).parents[4]
BY_ITSELF = {Outcome.DRAINED, Outcome.CANCELLED}
ASKED = {*Outcome}
#: Which outcomes each reason may come with, by the rules in botsession_runtime/end_reason.py and core/finish.py.
SEEN = {
    Reason.COMPLETED: {Outcome.DRAINED},
    Reason.BOT_CANCELLED: {Outcome.CANCELLED},
    Reason.CLIENT_DISCONNECTED: BY_ITSELF | {Outcome.NEVER_STARTED},
    Reason.IDLE_TIMEOUT: ASKED - {Outcome.NEVER_STARTED},
    Reason.NO_CLIENT: ASKED,
    Reason.MAX_DURATION: ASKED - {Outcome.NEVER_STARTED},
    Reason.END_REQUESTED: ASKED,
    Reason.DELETED: ASKED,
    Reason.EVICTED: ASKED,
    Reason.START_TIMEOUT: ASKED,
    Reason.NO_SOUND: ASKED - {Outcome.NEVER_STARTED},
    Reason.BOT_ERROR: {Outcome.NEVER_STARTED, Outcome.CANCELLED, Outcome.DRAINED, Outcome.LOST, Outcome.KILLED},
    Reason.BOT_EXITED: {Outcome.LOST, Outcome.NEVER_STARTED},
    Reason.OUT_OF_MEMORY: {Outcome.KILLED, Outcome.NEVER_STARTED},
    Reason.IMAGE_PULL: {Outcome.NEVER_STARTED},
    Reason.UNSCHEDULABLE: {Outcome.NEVER_STARTED},
    Reason.POD_REJECTED: {Outcome.NEVER_STARTED, Outcome.LOST},
    Reason.NODE_LOST: {Outcome.LOST, Outcome.NEVER_STARTED},
    Reason.UNKNOWN: {Outcome.LOST, Outcome.NEVER_STARTED},
}
PAIRS = [pytest.param(reason, outcome, id=f"{reason}/{outcome}") for reason in SEEN for outcome in sorted(SEEN[reason])]
#: What the paragraph must name: the limit that struck, or the thing that broke.
NAMED = {
    Reason.COMPLETED: "its bot ended itself",
    Reason.BOT_CANCELLED: "its bot cancelled itself",
    Reason.CLIENT_DISCONNECTED: "the last client left",
    Reason.IDLE_TIMEOUT: "idleTimeout of 5m",
    Reason.NO_CLIENT: "joinTimeout of 1m",
    Reason.MAX_DURATION: "maxSessionDuration of 30m",
    Reason.END_REQUESTED: "spec.end was set",
    Reason.DELETED: "was deleted",
    Reason.EVICTED: "its pod got a SIGTERM",
    Reason.START_TIMEOUT: "startTimeout of 2m",
    Reason.NO_SOUND: "firstSoundTimeout of 20s",
    Reason.BOT_ERROR: "an error in its bot",
    Reason.BOT_EXITED: "process exited",
    Reason.OUT_OF_MEMORY: "its memory limit of 512Mi",
    Reason.IMAGE_PULL: "image registry.example/bot:1 could not be pulled",
    Reason.UNSCHEDULABLE: "no node accepted its pod",
    Reason.POD_REJECTED: "refused its pod",
    Reason.NODE_LOST: "node-1, and its pod with it, is gone",
    Reason.UNKNOWN: "the reason is not known",
}
HOW = {
    Outcome.UNKNOWN: "Its supervisor is of another version",
    Outcome.DRAINED: "It was drained",
    Outcome.CANCELLED: "fell silent at once",
    Outcome.FORCED: "EndFrame got stuck",
    Outcome.KILLED: "killed",
    Outcome.LOST: "left no report of how it ended",
    Outcome.NEVER_STARTED: "Its pipeline never started",
    Outcome.UNWATCHED: "Its hook could not reach the supervisor",
}
LIMITED = {"image": "registry.example/bot:1", "resources": {"limits": {"memory": "512Mi"}}}


def sentences(status: Status, **spec: object) -> str:
    return why(view(status, **{"bot": LIMITED, "idleTimeout": "5m", "firstSoundTimeout": "20s", **spec}), after(100))


def test_every_reason_has_outcomes_to_be_tried_with() -> None:
    assert set(SEEN) == {*Reason}


@pytest.mark.parametrize(("reason", "outcome"), PAIRS)
def test_paragraph_names_what_happened_how_it_went_and_what_to_do(reason: Reason, outcome: Outcome) -> None:
    text = sentences(finished(reason, outcome))
    assert NAMED[reason] in text
    assert HOW[outcome] in text
    is_mishap = outcome in NEXT_STEPS_BY_OUTCOME and reason not in ERROR_REASONS
    assert (NEXT_STEPS_BY_OUTCOME[outcome] if is_mishap else NEXT_STEPS[reason]).format(name="support-42") in text


@pytest.mark.parametrize(("reason", "outcome"), PAIRS)
def test_paragraph_is_whole_sentences_without_gaps(reason: Reason, outcome: Outcome) -> None:
    text = sentences(finished(reason, outcome))
    assert not re.search(r"None|[{}]|\.\.|  |\bnull\b", text)
    assert text.startswith("support-42 ")
    assert text.endswith(".")


def test_no_two_endings_are_told_alike() -> None:
    pairs = [(reason, outcome) for reason, outcome in product(Reason, Outcome) if outcome in SEEN[reason]]
    assert len({sentences(finished(reason, outcome)) for reason, outcome in pairs}) == len(pairs)


def test_a_session_that_failed_is_said_to_have_failed_or_to_have_come_down_badly() -> None:
    for reason in Reason:
        for outcome in SEEN[reason]:
            status = finished(reason, outcome)
            is_said = re.search(r"^support-42 failed|makes it Failed", sentences(status)) is not None
            assert is_said is (status.phase is Phase.FAILED)


@pytest.mark.parametrize("farewell", [each for each in Farewell if each not in ("NotConfigured", "NotStarted")])
def test_what_became_of_the_farewell_is_told(farewell: Farewell) -> None:
    silent = sentences(
        finished(Reason.MAX_DURATION, ending=asked(Cause.MAX_DURATION, farewell=Farewell.NOT_CONFIGURED))
    )
    text = sentences(finished(Reason.MAX_DURATION, ending=asked(Cause.MAX_DURATION, farewell=farewell)))
    assert len(text) > len(silent) + 20


def test_place_where_it_was_stuck_is_named() -> None:
    status = finished(Reason.MAX_DURATION, Outcome.KILLED, stuck_at="bot.py:42 in spin")
    assert "it was stuck at bot.py:42 in spin" in sentences(status)


def test_pod_that_the_operator_had_to_delete_is_not_called_stuck() -> None:
    ending = asked(Cause.MAX_DURATION, Mode.GRACEFUL, Step.END_FRAME, Step.POD_DELETE)
    text = sentences(finished(Reason.MAX_DURATION, Outcome.KILLED, ending=ending, reported_by=ReportedBy.OPERATOR))
    assert "No report came in time, so the operator deleted its pod" in text


def test_words_of_the_report_are_passed_on() -> None:
    assert "The report says: no key (bot.py:3 in bot)." in sentences(
        finished(Reason.BOT_ERROR, Outcome.CANCELLED, message="no key (bot.py:3 in bot)")
    )


def test_exit_code_is_explained() -> None:
    text = sentences(finished(Reason.BOT_EXITED, Outcome.LOST, exit_code=139))
    assert "exit code 139: a native library crashed" in text


def test_tasks_left_behind_are_counted_and_named() -> None:
    text = sentences(finished(dangling_tasks=DanglingTasks(2, ("STT#0::listen", "beat"))))
    assert "2 asyncio tasks were still alive at the end (STT#0::listen, beat)" in text


def test_who_uninstalled_is_told_where_nobody_set_spec_end() -> None:
    ending = asked(Cause.END_REQUESTED, message="the operator is being uninstalled")
    assert "ended because it was asked to: the operator is being uninstalled" in sentences(
        finished(Reason.END_REQUESTED, ending=ending)
    )


def test_quiet_that_only_the_bot_itself_limits_is_told_apart() -> None:
    text = why(view(finished(Reason.IDLE_TIMEOUT)), after(100))
    assert "its bot's own idle timeout" in text


def test_log_that_is_kept_is_pointed_to() -> None:
    assert "Its log is kept: botsession logs support-42." in sentences(
        finished(Reason.BOT_ERROR, Outcome.CANCELLED), podRetention="OnFailure"
    )


def test_log_that_is_gone_is_said_to_be_gone() -> None:
    assert "Its log was deleted with its pod" in sentences(finished(Reason.BOT_ERROR, Outcome.CANCELLED))


def test_session_that_runs_is_told_by_what_will_end_it() -> None:
    text = why(view(running()), after(63))
    assert "has not ended. Its pipeline runs. maxSessionDuration ends it in 29m" in text


def test_session_that_is_ending_is_told_by_who_asked_and_the_last_step() -> None:
    ending = asked(Cause.MAX_DURATION, Mode.GRACEFUL, Step.END_FRAME)
    text = why(view(Status(Phase.ENDING, 1, ending=ending, ending_at=after(58))), after(60))
    assert "asked to end 2s ago: MaxDuration, Graceful. The last step was EndFrame" in text


def test_session_that_waits_is_told_by_what_it_waits_for() -> None:
    waiting = unmet(ConditionType.STARTED, "ErrImagePull", "no such image")
    text = why(view(Status(Phase.PENDING, 1, conditions=(waiting,))), after(10))
    assert "startTimeout of 2m" in text
    assert "ErrImagePull: no such image" in text


@pytest.mark.parametrize(
    ("join", "limit"),
    [
        pytest.param("90s", "Its joinTimeout of 90s ends it", id="for as long as joinTimeout"),
        pytest.param("0s", "Its startTimeout of 2m ends it", id="for as long as startTimeout where joinTimeout is off"),
    ],
)
def test_bot_that_listens_is_told_by_where_and_for_how_long_it_waits(join: str, limit: str) -> None:
    listens = unmet(ConditionType.STARTED, ConditionReason.WAITING_FOR_CALLER, "the bot listens")
    status = Status(Phase.STARTING, 1, conditions=(listens,), url="ws://a.bots.svc:7860/ws")
    text = why(view(status, joinTimeout=join), after(10))
    assert f"Its bot waits for its caller at ws://a.bots.svc:7860/ws. {limit} if no caller connects." in text


def test_commands_that_the_advice_names_exist() -> None:
    from botsession_operator.cli.app import COMMANDS

    named = {
        name
        for text in [*NEXT_STEPS.values(), *NEXT_STEPS_BY_OUTCOME.values()]
        for name in re.findall(r"`botsession (\w+)", text)
    }
    assert named
    assert named <= set(COMMANDS)
