"""What whole passes do while the supervisor's answer is not in, by one operator that lives on."""

import pytest

from botsession_contract.lifecycle import Cause, Reason
from botsession_operator.reconcile.reconciler import reconcile
from botsession_operator.supervisor_poller import SupervisorPoller
from tests.builders import KEY
from tests.fakes import World
from tests.unit.operator.lives import begin, talk


@pytest.fixture(autouse=True)
def one_operator(world: World) -> None:
    world.operator = world.deps()


async def one_pass(world: World) -> None:
    """Return a single pass, whatever it waits for."""
    assert world.operator
    await reconcile(KEY, world.operator)


async def test_an_end_goes_out_in_the_pass_that_sees_it_wanted(world: World) -> None:
    await talk(world)
    world.edit(end="Graceful")
    asked = len(world.control.asked)

    await world.settle()

    assert world.control.asked[asked : asked + 2] == ["snapshot", "end"]
    assert [request.cause for request in world.supervisor.requests] == [Cause.END_REQUESTED]


async def test_an_end_costs_as_many_status_writes_as_ever(world: World) -> None:
    await talk(world)
    world.delete()
    await world.settle()
    world.end_as_asked()
    await world.settle()

    assert len(world.cluster.written) == 2


async def test_a_pass_that_waits_for_an_answer_writes_nothing(world: World) -> None:
    await talk(world)
    world.operator = world.deps()
    world.clock.pass_(100)

    written = len(world.cluster.written)
    await one_pass(world)

    assert len(world.cluster.written) == written


async def test_a_pipeline_that_has_started_unheard_is_not_given_up(world: World) -> None:
    await begin(world, startTimeout="10s")
    await world.settle()
    world.clock.pass_(9)
    world.start_pipeline()
    world.clock.pass_(2)

    await world.settle()

    assert world.supervisor.requests == []
    assert world.status.started_at


async def test_a_start_is_given_up_for_silence_that_is_proved(world: World) -> None:
    await begin(world, startTimeout="10s")
    world.supervisor.answers = False
    await world.settle()
    world.clock.pass_(10)
    world.supervisor.answers = True
    world.start_pipeline()

    await world.settle()

    assert world.status.ending is None


async def test_an_end_reaches_a_supervisor_that_answers_again(world: World) -> None:
    await talk(world)
    world.supervisor.answers = False
    world.delete()
    await world.settle()
    world.clock.pass_(6)
    world.supervisor.answers = True

    await world.settle()

    assert [request.cause for request in world.supervisor.requests] == [Cause.DELETED]


async def test_a_shortened_ending_is_sent_once_per_pass(world: World) -> None:
    await talk(world, shutdown={"gracePeriod": "60s"})
    world.edit(end="Graceful")
    await world.settle()
    world._change_pod(
        lambda pod: pod["metadata"].update(deletionTimestamp="2026-01-31T12:00:20Z", deletionGracePeriodSeconds=20)
    )

    await world.settle()

    assert len(world.supervisor.requests) <= 4


async def test_what_is_known_of_a_supervisor_goes_with_its_session(world: World) -> None:
    await talk(world)
    world.delete()
    await world.settle()
    world.end_as_asked()
    await world.settle()

    assert world.is_empty
    assert world.operator
    assert isinstance(world.operator.supervisors, SupervisorPoller)
    assert world.operator.supervisors._supervisors == {}


async def test_a_supervisor_is_not_asked_once_its_session_is_over(world: World) -> None:
    await talk(world)
    world.report(Reason.COMPLETED)
    await world.settle()
    asked = len(world.control.asked)

    world.cluster.touch()
    await world.settle()

    assert len(world.control.asked) == asked
