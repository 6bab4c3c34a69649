"""What a session goes through before a test's own story begins."""

from botsession_contract.lifecycle import Reason
from tests.builders import KEY
from tests.fakes import World


async def begin(world: World, **spec: object) -> None:
    world.apply(**spec)
    await world.settle()
    world.schedule()
    world.run_container()


async def talk(world: World, **spec: object) -> None:
    await begin(world, **spec)
    world.start_pipeline()
    await world.settle()


async def finish(world: World, **spec: object) -> None:
    await talk(world, **spec)
    world.report(Reason.COMPLETED)
    await world.settle()


def names() -> tuple[str, str]:
    return KEY.namespace, KEY.name
