"""The numbers that a scrape shows."""

import itertools
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from botsession_contract.documented import DocumentedEnum
from botsession_contract.lifecycle import Cause, Mode, Outcome, Phase, Reason
from botsession_operator.api.spec import SpecError
from botsession_operator.core.session_key import Key
from botsession_operator.core.status.metric_samples import Metric, Stage
from botsession_operator.errors import ClusterUnavailable, Conflict, RequestRefused
from botsession_operator.fair_queue import Priority
from botsession_operator.metric_labels import BY_NAMESPACE, LABELS, Action, NoCode, ReconcileErrorKind
from botsession_operator.metrics import Metrics
from botsession_operator.poke_gate import Admission
from botsession_operator.received_heartbeats import HeartbeatResult
from botsession_operator.reconcile.reconciler import reconcile
from tests.builders import EVERY_COUNT, KEY, samples
from tests.fakes import World

PAGE = (Path(__file__).parents[3] / "docs/reference/metrics.md").read_text()


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def metrics(stopwatch: Stopwatch) -> Metrics:
    return Metrics(CollectorRegistry(), lambda: {Priority.HIGH: 2}, stopwatch)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def counted(metrics: Metrics, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    return {tuple(found[label] for label in labels): number for found, number in samples(metrics.registry, name)}


def finishes(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return what has been counted, without the zeros."""
    found = counted(metrics, "botsession_finished_total", "namespace", "reason", "outcome")
    return {labels: number for labels, number in found.items() if number}


def phases(metrics: Metrics) -> dict[str, float]:
    shown = samples(metrics.registry, "botsession_sessions")
    return {f"{labels['namespace']}/{labels['phase']}": value for labels, value in shown if value}


def test_everything_that_the_core_counts_is_shown(metrics: Metrics) -> None:
    metrics.count(EVERY_COUNT)

    assert {count.metric for count in EVERY_COUNT} == {*Metric}
    assert value(metrics, "botsession_finished_total", namespace="bots", reason="Completed", outcome="Drained") == 1
    assert value(metrics, "botsession_dangling_tasks_total", namespace="bots", kind="unmanaged") == 3
    assert value(metrics, "botsession_duration_seconds_sum") == 50
    assert value(metrics, "botsession_start_seconds_count", stage="scheduled") == 1


def test_sessions_are_shown_by_namespace_and_phase(metrics: Metrics) -> None:
    for name, phase in (("a", Phase.PENDING), ("b", Phase.RUNNING), ("a", Phase.RUNNING)):
        metrics.set_phase(Key("bots", name), phase)
    metrics.set_phase(Key("other", "a"), Phase.FAILED)

    assert phases(metrics) == {"bots/Running": 2, "other/Failed": 1}
    assert value(metrics, "botsession_sessions", namespace="bots", phase="Failed") == 0


def test_a_session_that_is_gone_is_no_longer_shown(metrics: Metrics) -> None:
    metrics.set_phase(KEY, Phase.RUNNING)
    for _ in range(2):
        metrics.set_phase(KEY, None)

    assert samples(metrics.registry, "botsession_sessions") == []


def test_all_that_can_be_counted_of_a_namespace_begins_at_zero_with_its_first_session(metrics: Metrics) -> None:
    assert samples(metrics.registry, "botsession_finished_total") == []
    metrics.set_phase(KEY, Phase.PENDING)

    for metric, (_, labels) in BY_NAMESPACE.items():
        assert counted(metrics, metric, *labels) == dict.fromkeys(itertools.product(*labels.values()), 0)


def test_a_namespace_whose_sessions_are_gone_keeps_what_it_has_counted(metrics: Metrics) -> None:
    metrics.set_phase(KEY, Phase.PENDING)
    metrics.count(EVERY_COUNT[:1])
    metrics.set_phase(KEY, None)

    assert counted(metrics, "botsession_finished_total", "reason", "outcome") == {("Completed", "Drained"): 1}
    assert samples(metrics.registry, "botsession_ladder_steps_total") == []


@pytest.mark.parametrize(
    ("metric", "labels"),
    [
        ("botsession_start_seconds_count", {"stage": Stage}),
        ("botsession_shutdown_seconds_count", {"mode": Mode, "outcome": Outcome}),
        ("botsession_control_requests_total", {"action": Action, "code": NoCode}),
        ("botsession_reconcile_errors_total", {"error": ReconcileErrorKind}),
        ("botsession_pokes_total", {"result": Admission}),
        ("botsession_heartbeats_total", {"result": HeartbeatResult}),
    ],
)
def test_all_that_is_known_beforehand_begins_at_zero(
    metrics: Metrics, metric: str, labels: dict[str, type[StrEnum]]
) -> None:
    assert counted(metrics, metric, *labels) == dict.fromkeys(itertools.product(*labels.values()), 0)


def test_the_docs_list_every_label_with_every_value(metrics: Metrics) -> None:
    metrics.set_phase(KEY, Phase.PENDING)
    metrics.count(EVERY_COUNT)
    listed = {
        metric: {name: {_shown(each) for each in values} for name, values in of.items()}
        for metric, of in LABELS.items()
    }

    unlisted = [
        f"{sample.name} {name}={value}"
        for family in metrics.registry.collect()
        for sample in family.samples
        for name, value in sample.labels.items()
        if name not in ("namespace", "le")
        and value not in listed.get(re.sub("_(bucket|count|sum)$", "", sample.name), {}).get(name, ())
        and not sample.name.endswith("_created")
    ]

    assert unlisted == []


def _shown(value: DocumentedEnum | Priority) -> str:
    return value.label if isinstance(value, Priority) else str(value)


def test_pokes_are_counted_by_what_became_of_them(metrics: Metrics) -> None:
    metrics.count_poke(Admission.UNKNOWN)

    assert value(metrics, "botsession_pokes_total", result="Unknown") == 1


def test_heartbeats_are_counted_by_what_became_of_them(metrics: Metrics) -> None:
    metrics.count_heartbeat(HeartbeatResult.FORGED)

    assert value(metrics, "botsession_heartbeats_total", result="Forged") == 1


def test_the_age_of_the_last_event_grows_until_the_next(metrics: Metrics, stopwatch: Stopwatch) -> None:
    stopwatch.seconds += 30
    assert value(metrics, "botsession_watch_event_age_seconds") == 30

    metrics.note_watch_event()

    assert value(metrics, "botsession_watch_event_age_seconds") == 0


@pytest.mark.parametrize(("is_leader", "shown"), [(True, 1.0), (False, 0.0)])
def test_an_operator_shows_whether_it_leads(is_leader: bool, shown: float) -> None:
    metrics = Metrics(CollectorRegistry(), is_leader=lambda: is_leader)

    assert value(metrics, "botsession_leader") == shown


def test_the_queue_is_asked_for_its_depth_by_priority(metrics: Metrics) -> None:
    assert counted(metrics, "botsession_queue_depth", "priority") == {("high",): 2, ("normal",): 0, ("low",): 0}


class Polled:
    """Supervisors, some of them silent."""

    def in_flight(self) -> int:
        return 3

    def waiting(self) -> dict[Priority, int]:
        return dict.fromkeys(Priority, 0) | {Priority.LOW: 2}

    def silent(self) -> dict[str, int]:
        return {"crowd": 5}

    def silent_nodes(self) -> int:
        return 1

    def heard(self) -> int:
        return 7


def test_what_is_asked_of_supervisors_is_shown(metrics: Metrics) -> None:
    metrics.set_phase(KEY, Phase.RUNNING)
    metrics.register_poller(Polled())

    assert value(metrics, "botsession_control_requests_in_flight") == 3
    assert counted(metrics, "botsession_control_queue_depth", "priority") == {("high",): 0, ("normal",): 0, ("low",): 2}
    assert counted(metrics, "botsession_silent_supervisors", "namespace") == {("bots",): 0, ("crowd",): 5}
    assert value(metrics, "botsession_silent_nodes") == 1
    assert value(metrics, "botsession_heard_supervisors") == 7


@pytest.mark.parametrize(
    ("code", "label"), [(202, "202"), (799, "Other"), (NoCode.NO_ANSWER, "NoAnswer"), (NoCode.UNREADABLE, "Unreadable")]
)
def test_a_request_is_counted_by_what_came_of_it(metrics: Metrics, code: int | NoCode, label: str) -> None:
    metrics.count_control_request(Action.END, code)

    assert value(metrics, "botsession_control_requests_total", action="end", code=label) == 1


async def test_a_pass_is_timed_and_says_when_the_next_is(metrics: Metrics, stopwatch: Stopwatch) -> None:
    async def nothing_to_do(_: Key) -> None:
        stopwatch.seconds += 0.25

    assert await metrics.timed(nothing_to_do)(KEY) is None

    assert value(metrics, "botsession_reconcile_seconds_count") == 1
    assert value(metrics, "botsession_reconcile_seconds_sum") == 0.25


@pytest.mark.parametrize(
    ("trouble", "label"),
    [
        (Conflict("changed"), "Conflict"),
        (ClusterUnavailable("no answer"), "Transient"),
        (SpecError("does not fit"), "Spec"),
        (RequestRefused("422: invalid"), "Refused"),
        (ValueError("a bug"), "Bug"),
    ],
)
async def test_a_pass_that_is_broken_off_is_counted_by_why(metrics: Metrics, trouble: Exception, label: str) -> None:
    async def fail(_: Key) -> None:
        raise trouble

    with pytest.raises(type(trouble)):
        await metrics.timed(fail)(KEY)

    assert value(metrics, "botsession_reconcile_errors_total", error=label) == 1
    assert value(metrics, "botsession_reconcile_seconds_count") == 1


async def _until_it_runs(world: World) -> None:
    world.apply()
    for happens in (world.schedule, world.run_container, world.start_pipeline):
        await world.settle()
        happens()
    await world.settle()


async def test_a_session_is_shown_until_it_is_released(world: World) -> None:
    seen = []
    deps = world.deps()
    for happens in (world.apply, world.schedule, world.run_container, world.start_pipeline):
        happens()
        await world.settle(deps)
        seen.append(phases(deps.metrics))
    world.report(Reason.COMPLETED)
    await world.settle(deps)
    seen.append(phases(deps.metrics))
    world.delete()
    await world.settle(deps)

    assert seen == [{f"bots/{phase}": 1} for phase in ("Pending", "Pending", "Starting", "Running", "Succeeded")]
    assert phases(deps.metrics) == {}


async def test_a_session_that_is_not_there_is_forgotten(world: World) -> None:
    deps = world.deps()
    deps.metrics.set_phase(KEY, Phase.RUNNING)

    await reconcile(KEY, deps)

    assert phases(deps.metrics) == {}


async def test_a_second_pass_and_a_replayed_event_count_nothing(world: World) -> None:
    await _until_it_runs(world)
    deps = world.deps()
    world.report(Reason.COMPLETED)
    for _ in range(3):
        await world.settle(deps)
        await reconcile(KEY, deps)

    assert finishes(deps.metrics) == {("bots", "Completed", "Drained"): 1}


async def test_an_operator_that_comes_after_the_finish_counts_nothing(world: World) -> None:
    await _until_it_runs(world)
    world.report(Reason.COMPLETED)
    await world.settle()

    later = world.deps()
    await world.settle(later)

    assert finishes(later.metrics) == {}
    assert phases(later.metrics) == {"bots/Succeeded": 1}


async def test_a_finish_that_another_write_forestalled_is_not_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _until_it_runs(world)
    world.report(Reason.COMPLETED)
    deps = world.deps()
    monkeypatch.setattr(world.cluster, "write_status", _refusing(Conflict("changed")))

    with pytest.raises(Conflict):
        await reconcile(KEY, deps)

    assert finishes(deps.metrics) == {}


async def test_a_finish_of_a_session_taken_away_by_force_is_neither_told_nor_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _until_it_runs(world)
    world.report(Reason.COMPLETED)
    deps, told = world.deps(), len(world.cluster.recorded_events)
    monkeypatch.setattr(world.cluster, "write_status", _refusing(None))

    await reconcile(KEY, deps)

    assert finishes(deps.metrics) == {}
    assert len(world.cluster.recorded_events) == told


def _refusing(trouble: Exception | None) -> Callable[..., object]:
    async def write_status(*_: object) -> bool:
        if trouble:
            raise trouble
        return False

    return write_status


async def test_a_conversation_that_ran_out_of_time_shows_how_late_its_end_began(world: World) -> None:
    await _until_it_runs(world)
    world.clock.pass_(30 * 60 + 2)
    await world.settle()
    assert world.supervisor.snapshot.ending
    assert world.supervisor.snapshot.ending.cause is Cause.MAX_DURATION
    world.end_as_asked()
    deps = world.deps()

    await world.settle(deps)

    assert value(deps.metrics, "botsession_deadline_lateness_seconds_sum") == 2
    assert value(deps.metrics, "botsession_ladder_steps_total", namespace="bots", step="EndFrame") == 1
    assert value(deps.metrics, "botsession_shutdown_seconds_count", mode="Graceful", outcome="Drained") == 1


def test_the_page_names_each_metric_with_its_type_and_labels(metrics: Metrics) -> None:
    metrics.count(EVERY_COUNT)
    metrics.set_phase(KEY, Phase.RUNNING)
    metrics.count_control_request(Action.END, 202)
    metrics.register_poller(Polled())
    rows = re.findall(r"^\| `(botsession_\w+)` \| (\w+) \| ([^|]+) \|", PAGE, re.MULTILINE)

    assert len(rows) == len({name for name, _, _ in rows})
    assert {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows} == shown(metrics)


def shown(metrics: Metrics) -> dict[str, tuple[str, set[str]]]:
    """Return each metric by the name that a query uses, its type and the names of its labels."""
    return {
        metric.name + ("_total" if metric.type == "counter" else ""): (
            metric.type,
            {label for sample in metric.samples for label in sample.labels} - {"le"},
        )
        for metric in metrics.registry.collect()
    }
