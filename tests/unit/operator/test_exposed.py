"""What whole passes do for a session that callers are to reach."""

from typing import Final

import pytest

from botsession_contract.lifecycle import Cause, Phase, Reason
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import ConditionType
from botsession_operator.errors import ExposureRefused
from tests.builders import raw_spec
from tests.fakes import World
from tests.unit.operator.lives import begin, finish, talk

EXPOSED: Final = {
    "bot": {**raw_spec()["bot"], "transport": {"type": "websocket"}},
    "expose": {"port": 7860},
}


def said(world: World, kind: ConditionType) -> tuple[str, str] | None:
    """Return what a condition says."""
    found = [each for each in world.status.conditions if each.type is kind]
    return (found[0].status, found[0].reason) if found else None


async def wait_for_a_caller(world: World, **spec: object) -> None:
    await begin(world, **{**EXPOSED, **spec})
    world.listen()
    await world.settle()


async def test_a_session_that_nobody_is_to_reach_costs_no_call(world: World) -> None:
    await finish(world)
    world.delete()
    await world.settle()

    assert world.cluster.object_calls == []
    assert world.status.url is None if world.sessions.names() else True


async def test_a_service_costs_two_writes(world: World) -> None:
    await finish(world, **EXPOSED)

    assert [call for call in world.cluster.object_calls if not call.startswith("get")] == [
        "create Service",
        "delete Service",
    ]
    assert world.cluster.objects == {}


async def test_the_address_is_told_as_soon_as_the_bot_listens(world: World) -> None:
    await wait_for_a_caller(world)

    assert world.status.url
    assert world.status.url.endswith(".bots.svc:7860/ws")
    assert (world.status.phase, said(world, ConditionType.STARTED)) == (Phase.STARTING, ("False", "WaitingForCaller"))
    assert said(world, ConditionType.EXPOSED) == ("True", "ServiceCreated")


async def test_a_call_costs_as_many_status_writes_as_one_that_the_bot_makes_and_one_more(world: World) -> None:
    joining = World()
    await finish(joining)
    await wait_for_a_caller(world)
    world.call()
    world.start_pipeline()
    await world.settle()
    world.report(Reason.COMPLETED)
    await world.settle()

    assert len(world.cluster.written) == len(joining.cluster.written) + 1


async def test_an_address_goes_with_the_finish(world: World) -> None:
    await finish(world, **EXPOSED)

    assert world.status.url is None
    assert said(world, ConditionType.EXPOSED) == ("False", "Finished")


async def test_the_service_goes_before_the_finish_is_recorded(world: World) -> None:
    await talk(world, **EXPOSED)
    world.report(Reason.COMPLETED)
    before = len(world.cluster.finishes)
    world.sessions.change("bots", "support-42", lambda stored: None)
    await world.settle()

    assert before == 0
    assert world.cluster.objects == {}


async def test_a_bot_that_waits_outlives_the_start_timeout(world: World) -> None:
    await wait_for_a_caller(world, startTimeout="10s", joinTimeout="1h")

    world.clock.pass_(600)
    await world.settle()

    assert world.supervisor.requests == []


async def test_a_call_that_does_not_start_the_pipeline_is_ended(world: World) -> None:
    await wait_for_a_caller(world, startTimeout="10s", joinTimeout="1h")
    world.clock.pass_(600)
    world.call()
    await world.settle()

    world.clock.pass_(10)
    await world.settle()

    assert [request.cause for request in world.supervisor.requests] == [Cause.START_TIMEOUT]


async def test_a_service_that_somebody_deletes_is_made_again(world: World) -> None:
    await wait_for_a_caller(world)
    world.cluster.objects.clear()

    await world.settle()

    assert len(world.cluster.objects) == 1


async def test_a_refused_service_is_told_and_tried_again(world: World) -> None:
    world.cluster.exposure_refusal = ExposureRefused(ConditionReason.QUOTA_EXCEEDED, "exceeded quota: bots")
    await wait_for_a_caller(world)
    assert (said(world, ConditionType.EXPOSED), world.status.url) == (("False", "QuotaExceeded"), None)

    world.cluster.exposure_refusal = None
    world.clock.pass_(5)
    await world.rest()

    assert said(world, ConditionType.EXPOSED) == ("True", "ServiceCreated")
    assert world.status.url


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_new_operator_finds_the_service_or_makes_it(world: World, is_known: bool) -> None:
    await wait_for_a_caller(world)
    if not is_known:
        world.cluster.objects.clear()

    await world.settle(world.deps())
    world.call()
    world.start_pipeline()
    await world.settle(world.deps())
    world.report(Reason.COMPLETED)
    await world.settle(world.deps())

    assert world.cluster.objects == {}
