"""What whole passes do for a session that may not be evicted."""

from botsession_contract.lifecycle import Phase
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import ConditionType
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.errors import BudgetRefused
from tests.fakes import World
from tests.unit.operator.lives import finish, talk


def protected(world: World) -> tuple[str, str] | None:
    """Return what the condition says."""
    said = [each for each in world.status.conditions if each.type is ConditionType.PROTECTED]
    return (said[0].status, said[0].reason) if said else None


async def test_a_session_that_allows_evictions_never_asks_for_a_budget(world: World) -> None:
    await finish(world)
    world.delete()
    await world.settle()

    assert world.cluster.budget_calls == []


async def test_nothing_is_said_of_a_session_that_allows_evictions(world: World) -> None:
    await finish(world)

    assert protected(world) is None


async def test_a_budget_costs_two_writes_and_no_status_write(world: World) -> None:
    await finish(world)
    written = len(world.cluster.written)
    protecting = World()
    await finish(protecting, eviction="Never")

    assert [call for call in protecting.cluster.budget_calls if call != "get"] == ["create", "delete"]
    assert len(protecting.cluster.written) == written
    assert protected(protecting) == ("False", "Ending")


async def test_a_session_is_protected_while_somebody_is_in_the_call(world: World) -> None:
    await talk(world, eviction="WhenIdle")
    assert (world.cluster.budgets.names(), protected(world)) == ([], ("False", "Idle"))

    world.connect_client()
    await world.rest()

    assert len(world.cluster.budgets.names()) == 1
    assert protected(world) == ("True", "InCall")


async def test_an_edit_of_the_policy_counts_at_once(world: World) -> None:
    await talk(world, eviction="Never")

    world.edit(eviction="Allow")
    await world.rest()

    assert world.cluster.budgets.names() == []
    assert protected(world) == ("False", "Allow")


async def test_a_budget_that_somebody_deletes_is_made_again(world: World) -> None:
    await talk(world, eviction="Never")
    (place,) = world.cluster.budgets.names()
    await world.cluster.delete_budget(world.cluster.budgets.get(*place) or {})

    await world.settle()

    assert world.cluster.budgets.names() == [place]


async def test_a_refused_budget_is_told_and_tried_again_while_the_call_goes_on(world: World) -> None:
    world.cluster.budget_refusal = BudgetRefused(ConditionReason.QUOTA_EXCEEDED, "exceeded quota: bots")
    await talk(world, eviction="Never")
    assert world.status.phase is Phase.RUNNING
    assert protected(world) == ("False", "QuotaExceeded")
    assert await world.run_passes() == world.clock.now() + ControllerTimeouts().create_retry

    world.cluster.budget_refusal = None
    await world.rest()

    assert protected(world) == ("True", "Never")
