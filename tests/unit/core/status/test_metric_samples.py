"""Rule: what a change of status is worth counting."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from botsession_contract.lifecycle import Cause, Farewell, Mode, Outcome, Phase, Reason, ReportedBy, Step
from botsession_contract.report import DanglingTasks, StepTaken
from botsession_operator.api.status import EndingStatus, Finish, Status, TimingsStatus
from botsession_operator.core.status.metric_samples import MAX_SECONDS, Metric, MetricSample, samples_of
from tests.builders import ago, asked, later, started, status

COMPLETED = Finish(Reason.COMPLETED, Outcome.DRAINED, ReportedBy.RUNTIME)
LOST = Finish(Reason.NODE_LOST, Outcome.LOST, ReportedBy.OPERATOR)
UNSTARTED = Finish(Reason.UNSCHEDULABLE, Outcome.NEVER_STARTED, ReportedBy.OPERATOR)


def over(finish: Finish = COMPLETED, **members: Any) -> Status:
    return status(Phase.SUCCEEDED, **{"finish": finish, "finished_at": ago(0), **members})


def found(metric: Metric, before: Status | None, after: Status) -> list[MetricSample]:
    return [count for count in samples_of("bots", before, after) if count.metric is metric]


def walked(cause: Cause, *rungs: Step, at: float = 4.75) -> EndingStatus:
    return replace(asked(cause), steps=tuple(StepTaken(step, ago(at)) for step in rungs))


@pytest.mark.parametrize("before", [None, status(), started()], ids=["first status", "waiting", "running"])
def test_a_finish_is_counted_by_namespace_reason_and_outcome(before: Status | None) -> None:
    labels = ("bots", "Completed", "Drained")
    assert found(Metric.FINISHED, before, over()) == [MetricSample(Metric.FINISHED, 1, labels)]


@pytest.mark.parametrize(
    ("before", "after"), [(None, status()), (status(), started()), (over(), over(node_name="node-2"))]
)
def test_without_a_new_finish_nothing_is_counted(before: Status | None, after: Status) -> None:
    assert samples_of("bots", before, after) == ()


def test_a_call_lasts_from_the_pipelines_start_to_the_finish() -> None:
    assert found(Metric.DURATION, started(), over(started_at=ago(50))) == [MetricSample(Metric.DURATION, 50)]


def test_a_session_whose_pipeline_never_started_has_no_duration() -> None:
    assert not found(Metric.DURATION, status(), over(UNSTARTED))


def test_a_shutdown_lasts_from_the_request_to_the_finish() -> None:
    ending = asked(Cause.DELETED, Mode.IMMEDIATE, since=7)
    assert found(Metric.SHUTDOWN, started(), over(ending=ending)) == [
        MetricSample(Metric.SHUTDOWN, 7, ("Immediate", "Drained"))
    ]


def test_a_bot_that_ends_itself_is_not_shut_down() -> None:
    assert not found(Metric.SHUTDOWN, started(), over())


def test_no_report_makes_the_sum_that_all_share_worthless() -> None:
    after = over(started_at=datetime(1970, 1, 1, tzinfo=UTC), finished_at=datetime(2199, 1, 1, tzinfo=UTC))

    assert MetricSample(Metric.DURATION, MAX_SECONDS) in samples_of("bots", None, after)


def test_clocks_that_differ_make_nothing_negative() -> None:
    assert found(Metric.DURATION, started(), over(started_at=later(3))) == [MetricSample(Metric.DURATION, 0)]
    skewed = status(timings=TimingsStatus(scheduled=-0.4))
    assert samples_of("bots", None, skewed) == (MetricSample(Metric.START, 0, ("scheduled",)),)


@pytest.mark.parametrize(
    ("left", "tasks"),
    [
        pytest.param(DanglingTasks(3, unmanaged=1), {"managed": 2, "unmanaged": 1}, id="of both kinds"),
        pytest.param(DanglingTasks(3, unmanaged=3), {"unmanaged": 3}, id="of one kind"),
        pytest.param(DanglingTasks(3), {"managed": 3}, id="not told apart"),
        pytest.param(DanglingTasks(0, unmanaged=0), {}, id="none"),
    ],
)
def test_dangling_tasks_are_counted_by_kind_and_so_are_their_sessions(
    left: DanglingTasks, tasks: dict[str, int]
) -> None:
    after = over(dangling_tasks=left)
    assert {count.labels[-1]: count.value for count in found(Metric.DANGLING_TASKS, None, after)} == tasks
    assert len(found(Metric.WITH_DANGLING_TASKS, None, after)) == bool(tasks)


@pytest.mark.parametrize("said", [None, *Farewell])
def test_what_became_of_the_farewell_is_counted_with_the_finish(said: Farewell | None) -> None:
    ending = replace(asked(Cause.DELETED), farewell=said)
    label = said or Farewell.UNKNOWN
    assert found(Metric.FAREWELLS, started(), over(ending=ending)) == [
        MetricSample(Metric.FAREWELLS, 1, ("bots", label))
    ]


def test_a_bot_that_ends_itself_owes_no_farewell() -> None:
    assert not found(Metric.FAREWELLS, started(), over())


def test_stages_of_the_start_are_counted_when_they_become_known() -> None:
    before = status(timings=TimingsStatus(scheduled=0.2))
    after = started(timings=TimingsStatus(scheduled=0.2, pod_started=1, pipeline_started=3.5))
    assert samples_of("bots", before, after) == (
        MetricSample(Metric.START, 1, ("podStarted",)),
        MetricSample(Metric.START, 3.5, ("pipelineStarted",)),
    )


def test_waiting_for_a_caller_is_no_start_up_time() -> None:
    before = status(timings=TimingsStatus(listening=3))
    after = started(timings=TimingsStatus(listening=3, pipeline_started=60))
    assert found(Metric.START, status(), before) == [MetricSample(Metric.START, 3, ("listening",))]
    assert not found(Metric.START, before, after)


def test_the_import_is_counted_with_the_report_that_tells_of_it() -> None:
    after = over(timings=TimingsStatus(bot_imported=2))
    assert found(Metric.START, started(), after) == [MetricSample(Metric.START, 2, ("botImported",))]


@pytest.mark.parametrize(
    ("finish", "timings", "missing"),
    [
        pytest.param(COMPLETED, TimingsStatus(pod_started=1), 0, id="the supervisor reported"),
        pytest.param(LOST, TimingsStatus(pod_started=1), 1, id="it ran and did not"),
        pytest.param(LOST, None, 1, id="it ran, by the outcome"),
        pytest.param(UNSTARTED, TimingsStatus(pod_started=1), 1, id="it ran, its pipeline did not"),
        pytest.param(UNSTARTED, TimingsStatus(scheduled=1), 0, id="it never ran"),
        pytest.param(UNSTARTED, None, 0, id="there was no pod"),
    ],
)
def test_a_report_is_missing_where_a_supervisor_ran(
    finish: Finish, timings: TimingsStatus | None, missing: int
) -> None:
    assert len(found(Metric.REPORTS_MISSING, None, over(finish, timings=timings))) == missing


def test_each_rung_is_counted_when_the_session_has_ended() -> None:
    ending = walked(Cause.DELETED, Step.END_FRAME, Step.KILL, Step.POD_DELETE)
    rungs = found(Metric.LADDER_STEPS, started(ending=ending), over(ending=ending))
    assert [count.labels for count in rungs] == [("bots", "EndFrame"), ("bots", "Kill"), ("bots", "PodDelete")]
    assert not found(Metric.LADDER_STEPS, started(), started(ending=ending))


@pytest.mark.parametrize(
    ("cause", "deadline", "rungs", "late"),
    [
        pytest.param(Cause.MAX_DURATION, ago(5), [Step.END_FRAME, Step.KILL], [0.25], id="the first rung's"),
        pytest.param(Cause.MAX_DURATION, ago(1), [Step.END_FRAME], [0], id="before it, by an edit: not late"),
        pytest.param(Cause.DELETED, ago(5), [Step.END_FRAME], [], id="only where the time ran out"),
        pytest.param(Cause.MAX_DURATION, None, [Step.END_FRAME], [], id="no deadline"),
        pytest.param(Cause.MAX_DURATION, ago(5), [], [], id="no rung is known"),
        pytest.param(Cause.MAX_DURATION, ago(5), [Step.POD_DELETE], [], id="the operator's own is by another clock"),
    ],
)
def test_lateness(cause: Cause, deadline: Any, rungs: list[Step], late: list[float]) -> None:
    after = over(ending=walked(cause, *rungs), deadline=deadline)
    assert [count.value for count in found(Metric.LATENESS, started(), after)] == late


def test_a_bot_that_ends_itself_has_no_lateness() -> None:
    assert not found(Metric.LATENESS, started(), over(deadline=ago(5)))


def test_an_ending_without_a_time_of_finish_has_no_length() -> None:
    assert not found(Metric.SHUTDOWN, started(), over(ending=asked(Cause.DELETED), finished_at=None))
