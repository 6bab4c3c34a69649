"""Each real cause gives a session its reason and its outcome: all at once, in one namespace."""

import pytest

from tests.e2e.causes import CAUSES, SLOW
from tests.e2e.world import World

pytestmark = pytest.mark.cluster


def test_each_cause_gives_its_reason_and_its_outcome_once(world: World) -> None:
    sessions = [(cause, world.session(cause.name, **cause.spec())) for cause in CAUSES]
    for cause, session in sessions:
        cause.act(world, session)

    finishes = {cause.name: session.finishes(within=SLOW) for cause, session in sessions}

    assert {name: (finish["reason"], finish["outcome"]) for name, finish in finishes.items()} == {
        cause.name: (cause.reason, cause.outcome) for cause in CAUSES
    }
    for _, session in sessions:
        world.nothing_is_left(session)
