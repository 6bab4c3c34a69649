"""Sessions that were stored before their size was bounded cost one session each: all others are served."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from botsession_operator.core.observe.parse import TOO_LARGE_TO_READ
from tests.e2e.bodies import BODIES, create_with
from tests.e2e.release import install_operator
from tests.e2e.world import PATIENCE, World, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(900)]

COMPLETES: Final = {"target": "completes.py"}


@pytest.fixture
def _unbounded(world: World) -> Iterator[None]:
    """Have the sessions stored by an installation without the policy, and then the one with it."""
    install_operator("--set=specBounds=Off")
    for name in BODIES:  # admission forgets a policy a moment after it is deleted
        wait_until(partial(is_created, world, name), PATIENCE, f"{name} is stored")
    install_operator()  # it lists them all
    yield
    for name in BODIES:
        kubectl("delete", "bs", name, "-n", world.namespace, "--ignore-not-found", "--wait=false")


def is_created(world: World, name: str) -> bool:
    return not create_with(world, name, BODIES[name])


def says_why(world: World, name: str) -> bool:
    return condition(world, name) == TOO_LARGE_TO_READ


def condition(world: World, name: str) -> str:
    path = 'jsonpath={.status.conditions[?(@.type=="PodCreated")].message}'
    return kubectl("get", "bs", name, "-n", world.namespace, "-o", path).stdout


@pytest.mark.usefixtures("_unbounded")
def test_a_session_stored_before_its_bound_stops_nobody_and_can_be_deleted(world: World) -> None:
    assert world.session("after", bot=COMPLETES).finishes()["reason"] == "Completed"
    for name in BODIES:
        wait_until(partial(says_why, world, name), PATIENCE, f"{name} says why")
    edited = kubectl("label", "bs", *BODIES, "-n", world.namespace, "a=b")
    assert edited.returncode == 0, edited.stderr
    assert world.session("beside", bot=COMPLETES).finishes()["reason"] == "Completed"
    deleted = kubectl("delete", "bs", *BODIES, "-n", world.namespace, "--timeout=120s")
    assert deleted.returncode == 0, deleted.stderr
