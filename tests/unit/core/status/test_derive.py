"""Rule: what status says after a pass."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from botsession_contract.control import SessionSnapshot
from botsession_contract.json_codec import decode, encode
from botsession_contract.lifecycle import BotState, Cause, Farewell, Mode, Outcome, Phase, Reason, Step
from botsession_contract.report import DanglingTasks, Ending, ExitReport, Prompts, StepTaken, Timings
from botsession_operator.api.reasons import ExternalReason
from botsession_operator.api.status import EndingStatus, Status, TimingsStatus
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.observe.observed import NoSnapshot, Observed, WaitingReason
from botsession_operator.core.status.derive import Applied, derive_status
from tests.builders import (
    NOW,
    POD_NAME,
    ago,
    asked,
    ended,
    observed,
    pod,
    report,
    session,
    snapshot,
    started,
    taken,
    waiting,
)

SILENT: Final = NoSnapshot.UNREACHABLE
NOTHING: Final = Applied()


def after(seen: Observed, applied: Applied = NOTHING) -> Status:
    return derive_status(seen, make_plan(seen, NOW, ControllerTimeouts()), applied, NOW)


def finished(left: ExitReport, before: Status | None = None) -> Status:
    return after(observed(session(before), ended(left=left)))


@pytest.mark.parametrize(
    ("seen", "phase"),
    [
        pytest.param(observed(session(), None), Phase.PENDING, id="no pod"),
        pytest.param(observed(session(), waiting()), Phase.PENDING, id="the container has not started"),
        pytest.param(observed(session(), pod(), snapshot(BotState.STARTING)), Phase.STARTING, id="the bot starts"),
        pytest.param(observed(session(), pod()), Phase.RUNNING, id="the pipeline has started"),
        pytest.param(observed(session(started()), pod(), SILENT), Phase.RUNNING, id="it started, and is silent"),
        pytest.param(observed(session(is_deleting=True), pod()), Phase.ENDING, id="it is to end"),
        pytest.param(observed(session(), ended(left=report())), Phase.SUCCEEDED, id="it ended well"),
        pytest.param(observed(session(), ended("OOMKilled")), Phase.FAILED, id="it ended badly"),
        pytest.param(
            observed(session(), ended(left=report(Reason.MAX_DURATION, Outcome.KILLED))),
            Phase.FAILED,
            id="it was killed",
        ),
    ],
)
def test_phase(seen: Observed, phase: Phase) -> None:
    assert after(seen).phase is phase


def test_a_second_pass_has_nothing_new_to_say() -> None:
    seen = observed(session(is_deleting=True), pod())
    written = decode(Status, encode(after(seen)))

    assert after(replace(seen, session=replace(seen.session, status=written))) == written


def test_a_pod_that_was_just_created_is_named() -> None:
    assert after(observed(session(), None), Applied(pod_name=POD_NAME)).pod_name == POD_NAME


def test_a_refused_pod_is_not_named() -> None:
    assert (
        after(observed(session(), None), Applied(refusal=WaitingReason(ExternalReason("Forbidden"), "no"))).pod_name
        is None
    )


def test_where_it_runs_and_until_when() -> None:
    said = after(observed(session(), pod()))

    assert (said.pod_name, said.node_name, said.pod_ip) == (POD_NAME, "node-1", "10.0.0.7")
    assert (said.started_at, said.deadline) == (ago(50), ago(50) + timedelta(minutes=30))


def test_where_callers_reach_it_while_they_do() -> None:
    reachable = replace(observed(session(), pod()), url="ws://here/ws", is_exposed=True)

    assert after(reachable).url == "ws://here/ws"
    assert after(replace(reachable, is_exposed=False)).url is None


def test_the_deadline_moves_with_the_spec() -> None:
    assert after(observed(session(maxSessionDuration="1h"), pod())).deadline == ago(50) + timedelta(hours=1)


def test_a_client_that_connected_stays_known() -> None:
    before = started(client_connected_at=ago(40))

    assert after(observed(session(before), pod(), SILENT)).client_connected_at == ago(40)


def test_a_client_that_connects_is_told() -> None:
    assert after(observed(session(), pod(), snapshot(client_connected_at=ago(3)))).client_connected_at == ago(3)


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        pytest.param(observed(session(end="Graceful"), pod()), None, id="nothing is known yet"),
        pytest.param(
            observed(session(), pod(), snapshot(BotState.ENDING, ending=taken(Cause.EVICTED))), None, id="no step yet"
        ),
        pytest.param(
            observed(
                session(),
                pod(),
                snapshot(
                    BotState.ENDING, ending=taken(Cause.EVICTED, Mode.GRACEFUL, Step.END_FRAME, Step.CANCEL_FRAME)
                ),
            ),
            Step.CANCEL_FRAME,
            id="the supervisor's last step",
        ),
        pytest.param(
            observed(session(started(ending=asked(Cause.DELETED, since=60))), pod(), SILENT),
            Step.POD_DELETE,
            id="the operator's own step",
        ),
        pytest.param(
            observed(
                session(started(ending=asked(Cause.DELETED, step=Step.POD_DELETE))),
                pod(),
                snapshot(BotState.ENDING, ending=taken(Cause.DELETED, Mode.GRACEFUL, Step.END_FRAME)),
            ),
            Step.POD_DELETE,
            id="the operator's own step stands",
        ),
        pytest.param(
            observed(session(started(ending=asked(Cause.DELETED, step=Step.END_FRAME))), pod(), SILENT),
            Step.END_FRAME,
            id="the last step that was known",
        ),
    ],
)
def test_how_far_the_ending_got(seen: Observed, step: Step | None) -> None:
    ending = after(seen).ending

    assert ending
    assert ending.step is step


ENDED: Final = StepTaken(Step.END_FRAME, ago(60))
DELETED: Final = StepTaken(Step.POD_DELETE, ago(2))
FORCED: Final = StepTaken(Step.FORCED_CANCEL_FRAME, ago(1))
ASKED: Final = asked(Cause.DELETED, since=60)


def told(*steps: StepTaken) -> SessionSnapshot:
    return snapshot(BotState.ENDING, ending=Ending(Cause.DELETED, Mode.GRACEFUL, ago(40), steps))


@pytest.mark.parametrize(
    ("recorded", "control", "steps"),
    [
        pytest.param((), told(ENDED, FORCED), (ENDED, FORCED), id="as the supervisor tells, with their times"),
        pytest.param((ENDED,), SILENT, (ENDED, StepTaken(Step.POD_DELETE, NOW)), id="and the operator's"),
        pytest.param((ENDED, DELETED), SILENT, (ENDED, DELETED), id="which is taken once, at its first time"),
        pytest.param((DELETED,), told(ENDED, FORCED), (ENDED, DELETED, FORCED), id="in the order of time"),
    ],
)
def test_each_step_is_recorded_with_its_time(
    recorded: tuple[StepTaken, ...], control: SessionSnapshot | NoSnapshot, steps: tuple[StepTaken, ...]
) -> None:
    ending = after(observed(session(started(ending=replace(ASKED, steps=recorded))), pod(), control)).ending

    assert ending
    assert (ending.steps, ending.step) == (steps, steps[-1].step)


def test_who_asked_is_told_where_the_cause_does_not_tell_it() -> None:
    seen = replace(observed(session(started()), pod()), is_uninstalling=True)

    ending = after(seen).ending

    assert ending
    assert (ending.cause, ending.message) == (Cause.END_REQUESTED, "the operator was being uninstalled")


@pytest.mark.parametrize(
    ("cause", "message"),
    [(Cause.END_REQUESTED, "the operator was being uninstalled"), (Cause.EVICTED, None)],
    ids=["told", "it was somebody else"],
)
def test_an_ending_that_was_over_in_a_moment_still_tells_who_asked(cause: Cause, message: str | None) -> None:
    left = report(Reason(cause), ending=taken(cause))
    seen = replace(observed(session(started()), ended(left=left)), is_uninstalling=True)

    ending = after(seen).ending

    assert ending
    assert (ending.cause, ending.message) == (cause, message)


def test_an_operator_on_its_way_out_may_have_recorded_the_ending_and_not_who_asked() -> None:
    before = started(ending=asked(Cause.END_REQUESTED, since=2))
    left = report(Reason.END_REQUESTED, ending=taken(Cause.END_REQUESTED))
    ending = after(replace(observed(session(before), ended(left=left)), is_uninstalling=True)).ending

    assert ending
    assert ending.message == "the operator was being uninstalled"


def test_a_finish_is_written_once() -> None:
    done = finished(report())

    assert after(observed(session(done, generation=9, maxSessionDuration="1s"), ended("OOMKilled"))) == done


def test_a_finish_tells_how_long_the_conversation_lasted() -> None:
    said = finished(report(started_at=ago(91), finished_at=ago(1)))

    assert (said.finished_at, said.duration, said.deadline) == (ago(1), "1m30s", ago(91) + timedelta(minutes=30))


def test_a_session_that_never_started_lasted_no_time() -> None:
    said = finished(report(Reason.BOT_ERROR, Outcome.NEVER_STARTED, started_at=None))

    assert (said.duration, said.deadline, said.started_at) == (None, None, None)


def test_a_finish_names_the_pod_though_no_pass_saw_it_alive() -> None:
    said = finished(report())

    assert (said.pod_name, said.node_name, said.pod_ip) == (POD_NAME, "node-1", "10.0.0.7")


def test_a_finish_keeps_what_was_known_of_a_pod_that_is_gone() -> None:
    said = after(observed(session(started(node_name="node-1", pod_ip="10.0.0.7")), None))

    assert (said.pod_name, said.node_name, said.pod_ip) == (POD_NAME, "node-1", "10.0.0.7")


def test_a_finish_keeps_the_client_that_the_report_knows() -> None:
    assert finished(report(client_connected_at=ago(45))).client_connected_at == ago(45)


def test_dangling_tasks_are_kept() -> None:
    assert finished(report(dangling_tasks=DanglingTasks(1, ("leak",)))).dangling_tasks == DanglingTasks(1, ("leak",))


@pytest.mark.parametrize("result", [None, False, 0, "", [], {"booked": True, "snake_case": [None]}])
def test_what_the_bot_handed_over_is_recorded_as_it_is(result: object) -> None:
    recorded = finished(report(result=result))
    assert recorded.result == result
    assert decode(Status, encode(recorded)) == recorded


WALKED: Final = taken(Cause.EVICTED, Mode.GRACEFUL, Step.END_FRAME, Step.KILL, since=9)


@pytest.mark.parametrize(
    ("before", "left", "ending"),
    [
        pytest.param(None, report(), None, id="the bot ended itself"),
        pytest.param(
            None,
            report(Reason.EVICTED, ending=WALKED),
            EndingStatus(Cause.EVICTED, Mode.GRACEFUL, ago(9), Step.KILL, WALKED.steps),
            id="as the report tells",
        ),
        pytest.param(
            None,
            report(Reason.EVICTED, ending=taken(Cause.EVICTED)),
            EndingStatus(Cause.EVICTED, Mode.GRACEFUL, NOW),
            id="no step was taken",
        ),
        pytest.param(
            started(ending=asked(Cause.DELETED, since=20)),
            report(),
            asked(Cause.DELETED, since=20),
            id="the bot had ended itself before it heard",
        ),
        pytest.param(
            started(ending=asked(Cause.DELETED, Mode.IMMEDIATE, since=20)),
            report(Reason.EVICTED, ending=WALKED),
            EndingStatus(Cause.DELETED, Mode.IMMEDIATE, ago(9), Step.KILL, WALKED.steps),
            id="cause and mode stand, the ladder is the report's",
        ),
        pytest.param(
            started(ending=asked(Cause.EVICTED, since=2, step=Step.POD_DELETE)),
            report(Reason.EVICTED, ending=WALKED),
            EndingStatus(Cause.EVICTED, Mode.GRACEFUL, ago(9), Step.POD_DELETE, (*WALKED.steps, DELETED)),
            id="the operator's own step is kept beside the report's",
        ),
        pytest.param(
            started(ending=replace(asked(Cause.END_REQUESTED, since=20), message="somebody left")),
            report(Reason.END_REQUESTED, ending=WALKED),
            EndingStatus(Cause.END_REQUESTED, Mode.GRACEFUL, ago(9), Step.KILL, WALKED.steps, message="somebody left"),
            id="who asked stays told",
        ),
    ],
)
def test_the_ending_of_a_finished_session(before: Status | None, left: ExitReport, ending: EndingStatus | None) -> None:
    said = finished(left, before)

    assert (replace(said.ending, farewell=None) if said.ending else None) == ending
    assert said.ending_at == (ending.requested_at if ending else None)


SPOKEN: Final = replace(WALKED, farewell=Farewell.SPOKEN)
NEVER: Final = report(Reason.EVICTED, Outcome.NEVER_STARTED, ending=WALKED)


@pytest.mark.parametrize(
    ("before", "left", "farewell"),
    [
        pytest.param(None, report(Reason.EVICTED, ending=SPOKEN), Farewell.SPOKEN, id="as the report tells"),
        pytest.param(None, report(Reason.EVICTED, ending=WALKED), Farewell.UNKNOWN, id="a runtime of before"),
        pytest.param(None, NEVER, Farewell.NOT_STARTED, id="a runtime of before, and no pipeline"),
        pytest.param(
            started(ending=asked(Cause.DELETED)), report(), Farewell.ALREADY_ENDING, id="the bot was there before us"
        ),
    ],
)
def test_what_became_of_the_farewell(before: Status | None, left: ExitReport, farewell: Farewell) -> None:
    said = finished(left, before).ending

    assert said
    assert said.farewell is farewell


def test_without_a_report_nobody_can_tell_of_the_farewell() -> None:
    said = after(observed(session(started(ending=asked(Cause.DELETED))), None)).ending

    assert said
    assert said.farewell is Farewell.UNKNOWN


def test_a_finish_tells_when_the_client_left() -> None:
    assert finished(report(client_disconnected_at=ago(3))).client_disconnected_at == ago(3)


def test_a_finish_tells_how_often_a_quiet_caller_was_asked() -> None:
    asked_twice = Prompts(2, ago(30))
    assert finished(report(prompts=asked_twice)).prompts == asked_twice


def test_timings_count_from_the_creation() -> None:
    timings = after(observed(session(), pod(scheduled_at=ago(59)))).timings

    assert timings == TimingsStatus(scheduled=1, pod_started=5, pipeline_started=10)


def test_a_pod_that_is_scheduled_at_once_took_no_time() -> None:
    timings = after(observed(session(), waiting(scheduled_at=ago(60)))).timings

    assert timings == TimingsStatus(scheduled=0)


def test_the_wait_for_a_caller_is_timed_from_the_creation() -> None:
    control = snapshot(BotState.STARTING, listening_at=ago(52))
    timings = after(observed(session(), pod(), control)).timings

    assert timings == TimingsStatus(pod_started=5, listening=8)
    assert finished(report(timings=Timings(listening=3.25))).timings == TimingsStatus(
        pod_started=5, pipeline_started=10, listening=8.25
    )


def test_timings_that_were_known_stay_known() -> None:
    before = started(timings=TimingsStatus(scheduled=0, pod_started=1, pipeline_started=10))

    assert after(observed(session(before), None)).timings == before.timings


def test_the_report_completes_the_timings() -> None:
    timings = finished(report(timings=Timings(bot_imported=2.5, drained=1.25))).timings

    assert timings == TimingsStatus(pod_started=5, bot_imported=7.5, pipeline_started=10, drained=1.25)
