"""What whole passes do with a status that the API server refuses, and with a write whose answer is lost."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from botsession_contract.lifecycle import Outcome, Phase, Reason, ReportedBy
from botsession_operator.api.reasons import ExternalReason
from botsession_operator.api.spec import Json
from botsession_operator.api.status import ConditionStatus, ConditionType, find_condition
from botsession_operator.core.observe.observed import Key
from botsession_operator.errors import ClusterUnavailable, PodRefused, StatusRefused
from botsession_operator.reconcile.deps import Deps
from botsession_operator.status_recorder import MAX_LOST_WRITES
from tests.builders import KEY, samples, session, started
from tests.fake_cluster import FakeCluster
from tests.fakes import World
from tests.unit.operator.lives import begin, finish, talk

#: The words of a policy engine, of which there may be any number.
POLICY: Final = "admission webhook denied the request: " + "validation error: rule tags failed. " * 200


def counted(world: World, name: str) -> float:
    return sum(value for _, value in samples(world.metrics.registry, name))


def events(world: World) -> list[str]:
    return [event.reason for event in world.cluster.recorded_events]


class Choosy(FakeCluster):
    """An API server with a policy against some statuses."""

    refuses: Callable[[Json], bool] = staticmethod(lambda _: False)

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        if self.refuses(status):
            self.refused_statuses.append(status)
            raise StatusRefused("422: no")
        return await super().write_status(key, resource_version, status)


@pytest.fixture
def choosy(world: World) -> Choosy:
    cluster = Choosy(world.clock.now)
    world.cluster = cluster
    world.operator = world.deps()
    return cluster


async def test_a_policys_refusal_of_over_4000_characters_ends_in_a_finish(world: World) -> None:
    world.cluster.refusal = PodRefused(ExternalReason("Forbidden"), POLICY)
    world.apply()
    await world.rest()
    world.clock.pass_(121)
    await world.rest()

    assert world.status.finish
    assert world.status.finish.reason is Reason.POD_REJECTED
    assert world.status.finish.message
    assert len(world.status.finish.message) == 4096
    assert world.cluster.refused_statuses == []


async def test_a_finish_that_is_refused_for_good_is_recorded_in_short(world: World, choosy: Choosy) -> None:
    choosy.refuses = lambda status: len(status.get("finish", {}).get("message", "")) > 100
    await talk(world)
    world.end_container("x" * 200, reason="Error", exit_code=1)
    choosy.refuses = lambda status: (
        "finish" in status and not any(each["type"] == "Recorded" for each in status["conditions"])
    )
    await world.settle()

    found = world.status.finish
    assert found
    assert (found.reason, found.outcome, found.reported_by) == (Reason.BOT_EXITED, Outcome.LOST, ReportedBy.OPERATOR)
    recorded = find_condition(world.status, ConditionType.RECORDED, ConditionStatus.FALSE)
    assert recorded
    assert recorded.reason == "StatusRefused"
    assert events(world).count("StatusRefused") == 1
    assert counted(world, "botsession_status_refusals_total") == 1
    assert counted(world, "botsession_finished_total") == 1


async def test_a_session_whose_finish_is_recorded_in_short_is_released(world: World, choosy: Choosy) -> None:
    choosy.refuses = lambda status: "exitCode" in str(status) or status.get("finish", {}).get("reportedBy") == "Runtime"
    await finish(world)
    world.delete()
    await world.settle()

    assert world.is_empty
    assert [status.phase for status in choosy.finishes] == [Phase.SUCCEEDED]


async def test_a_live_session_whose_status_is_refused_has_its_bare_facts_recorded(world: World, choosy: Choosy) -> None:
    choosy.refuses = lambda status: "podIP" in status
    await talk(world)

    assert (world.status.phase, world.status.pod_ip, world.status.pod_name) == (Phase.RUNNING, None, world.pod_name)
    assert find_condition(world.status, ConditionType.RECORDED, ConditionStatus.FALSE)

    choosy.refuses = lambda _: False
    world.connect_client()
    world.clock.pass_(31)
    await world.rest()
    assert world.status.pod_ip == "10.0.0.7"
    assert find_condition(world.status, ConditionType.RECORDED, ConditionStatus.TRUE)


async def test_a_status_that_was_refused_is_not_sent_with_each_pass(world: World, choosy: Choosy) -> None:
    choosy.refuses = lambda status: "podIP" in status
    await talk(world)
    for _ in range(20):
        world.clock.pass_(31)
        await world.settle()

    assert len(choosy.refused_statuses) <= 4


async def test_a_live_session_whose_status_is_refused_still_ends_when_its_time_is_over(
    world: World, choosy: Choosy
) -> None:
    choosy.refuses = lambda status: "podIP" in status
    await talk(world, maxSessionDuration="1m")
    world.clock.pass_(61)
    await world.settle()

    assert [request.cause for request in world.supervisor.requests] == ["MaxDuration"]
    world.end_as_asked()
    await world.settle()
    assert world.status.finish
    assert world.status.finish.reason is Reason.MAX_DURATION


class TestNothingCanBeRecorded:
    """Each status is refused, the bare facts too, say by a policy or a CRD of another version."""

    async def refuse_all(self, world: World) -> None:
        world.operator = world.deps()
        await talk(world, maxSessionDuration="1m")
        world.cluster.status_refusal = "422: no"

    async def test_a_deleted_session_goes_and_its_pod_with_it(self, world: World) -> None:
        await self.refuse_all(world)
        world.delete()
        await world.settle()
        world.end_container()
        await world.settle()
        world.clock.pass_(10)
        await world.settle()

        assert world.is_empty

    async def test_a_pod_that_no_kubelet_ends_is_taken_away(self, world: World) -> None:
        await self.refuse_all(world)
        world.delete()
        for _ in range(20):
            await world.settle()
            world.clock.pass_(30)

        assert world.is_empty

    async def test_a_session_whose_time_is_over_is_ended_though_its_supervisor_is_silent(self, world: World) -> None:
        await self.refuse_all(world)
        world.supervisor.answers = False
        world.clock.pass_(400)
        await world.settle()
        world.clock.pass_(60)
        await world.settle()

        assert "deletionTimestamp" in world.stored_pod["metadata"]

    async def test_its_pod_is_kept_where_it_is_not_deleted_so_that_no_other_is_made(self, world: World) -> None:
        await self.refuse_all(world)
        world.report(Reason.COMPLETED)
        for _ in range(5):
            await world.settle()
            world.clock.pass_(60)

        assert len(world.cluster.created) == 1
        assert world.stored_pod

    async def test_it_is_told_once(self, world: World) -> None:
        await self.refuse_all(world)
        world.report(Reason.COMPLETED)
        for _ in range(5):
            await world.settle()
            world.clock.pass_(60)

        assert events(world).count("StatusRefused") == 1

    async def test_the_finish_is_recorded_when_it_can_be(self, world: World) -> None:
        await self.refuse_all(world)
        world.report(Reason.COMPLETED)
        await world.settle()
        world.cluster.status_refusal = ""
        # The refused status is remembered, and the bare facts are what is tried first.
        world.clock.pass_(31)
        await world.settle()

        assert world.status.finish
        assert world.status.finish.reason is Reason.COMPLETED


class Deaf(FakeCluster):
    """An API server whose answers to writes of a status are lost, as often as the test says."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.losing = 0
        self.is_carried_out = True
        self.late: list[tuple[Key, str, Json]] = []

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        if not self.losing:
            return await super().write_status(key, resource_version, status)
        self.losing -= 1
        if self.is_carried_out:
            await super().write_status(key, resource_version, status)
        else:
            self.late.append((key, resource_version, status))
        raise ClusterUnavailable("the answer was lost")


@pytest.fixture
def deaf(world: World) -> Deaf:
    cluster = Deaf(world.clock.now)
    world.cluster = cluster
    world.operator = world.deps()
    return cluster


async def lose_the_finish(world: World, deaf: Deaf, times: int = 1) -> None:
    await talk(world)
    world.report(Reason.COMPLETED)
    deaf.losing = times
    for _ in range(times):
        with pytest.raises(ClusterUnavailable):
            await world.settle()
        world.clock.pass_(1)


def once(world: World) -> None:
    assert counted(world, "botsession_finished_total") == 1
    assert events(world).count("Completed") == 1


async def test_a_finish_whose_answer_was_lost_is_counted_and_told_once(world: World, deaf: Deaf) -> None:
    await lose_the_finish(world, deaf)
    assert counted(world, "botsession_finished_total") == 0
    await world.settle()
    await world.settle()

    once(world)
    assert len(deaf.finishes) == 1


async def test_a_finish_whose_write_was_lost_too_is_counted_and_told_once(world: World, deaf: Deaf) -> None:
    deaf.is_carried_out = False
    await lose_the_finish(world, deaf)
    await world.settle()

    once(world)


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_a_write_that_is_carried_out_late_is_counted_and_told_once(world: World, deaf: Deaf, lost: int) -> None:
    deaf.is_carried_out = False
    await lose_the_finish(world, deaf, times=3)
    await super(Deaf, deaf).write_status(*deaf.late[lost])
    await world.settle()

    once(world)


async def test_a_finish_that_another_operator_wrote_meanwhile_is_counted_by_that_one(world: World, deaf: Deaf) -> None:
    deaf.is_carried_out = False
    await lose_the_finish(world, deaf)
    other, ours = world.deps(), world.operator
    world.clock.pass_(1)
    deaf.losing = 0
    await world.settle(other)
    assert ours
    await world.settle(ours)

    assert total(other, "botsession_finished_total") == 1
    assert total(ours, "botsession_finished_total") == 0
    assert events(world).count("Completed") == 1


def total(operator: Deps, name: str) -> float:
    return sum(value for _, value in samples(operator.metrics.registry, name))


async def test_a_start_whose_answer_was_lost_is_told_once(world: World, deaf: Deaf) -> None:
    await begin(world)
    world.start_pipeline()
    deaf.losing = 1
    with pytest.raises(ClusterUnavailable):
        await world.settle()
    await world.settle()

    assert events(world).count("Started") == 1


async def test_a_finish_is_seen_to_be_its_own_though_a_delivery_was_recorded_since(world: World, deaf: Deaf) -> None:
    await lose_the_finish(world, deaf)
    world.edit(ttlAfterFinished="2h")
    await world.settle()

    once(world)


async def test_nothing_is_remembered_of_a_session_that_is_gone(world: World, deaf: Deaf) -> None:
    await lose_the_finish(world, deaf)
    world.delete()
    await world.settle()
    world.cluster.pods.collect(*world.cluster.pods.names()[0]) if world.cluster.pods.names() else None
    await world.settle()

    assert world.operator
    assert not world.operator.status_writes.lost
    assert not world.operator.status_writes.refused


def test_no_more_writes_of_one_session_are_remembered_than_a_few(world: World) -> None:
    writes = world.deps().status_writes
    for number in range(50):
        writes.note_lost(session(started()), replace(started(), observed_generation=number))

    assert len(writes.lost[KEY].written) == MAX_LOST_WRITES
