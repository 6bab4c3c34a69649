"""Sessions that were stored before their size was bounded cost one session each: all others are served."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from botsession_operator.core.observe.parse import TOO_LARGE_TO_READ
from tests.e2e.conftest import install_operator
from tests.e2e.world import PATIENCE, World, kill_operator, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

#: Bodies that the API server takes, as text: Python could not write some of them.
BODIES: Final = {
    "deep": "[" * 3000 + "]" * 3000,
    "deepest": '{"a":' * 9900 + "1" + "}" * 9900,
    "large": "[" + "{},\n" * 250_000 + "1]",
}
COMPLETES: Final = {"target": "completes.py"}


@pytest.fixture
def _unbounded(world: World) -> Iterator[None]:
    """Have the sessions stored by an installation without the policy, and then the one with it."""
    install_operator("--set=specBounds=Off")
    for name in BODIES:  # admission forgets a policy a moment after it is deleted
        wait_until(partial(is_created, world, name), PATIENCE, f"{name} is stored")
    install_operator()
    yield
    for name in BODIES:
        kubectl("delete", "bs", name, "-n", world.namespace, "--ignore-not-found", "--wait=false")


def create(world: World, name: str, body: str) -> str:
    """Create a session by kubectl; return the refusal, empty where there is none."""
    kind = '"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSession"'
    bot = f'{{"image": "botsession/testbot:dev", "target": "completes.py", "body": {body}}}'
    text = f'{{{kind}, "metadata": {{"name": "{name}"}}, "spec": {{"bot": {bot}}}}}'
    return kubectl("create", "-n", world.namespace, "-f", "-", stdin=text).stderr


def is_created(world: World, name: str) -> bool:
    return not create(world, name, BODIES[name])


def says_why(world: World, name: str) -> bool:
    return condition(world, name) == TOO_LARGE_TO_READ


def condition(world: World, name: str) -> str:
    path = 'jsonpath={.status.conditions[?(@.type=="PodCreated")].message}'
    return kubectl("get", "bs", name, "-n", world.namespace, "-o", path).stdout


@pytest.mark.usefixtures("_unbounded")
def test_a_session_stored_before_its_bound_stops_nobody_and_can_be_deleted(world: World) -> None:
    kill_operator()  # the next one lists them all
    assert world.session("after", bot=COMPLETES).finishes()["reason"] == "Completed"
    for name in BODIES:
        wait_until(partial(says_why, world, name), PATIENCE, f"{name} says why")
    edited = kubectl("label", "bs", *BODIES, "-n", world.namespace, "a=b")
    assert edited.returncode == 0, edited.stderr
    assert world.session("beside", bot=COMPLETES).finishes()["reason"] == "Completed"
    deleted = kubectl("delete", "bs", *BODIES, "-n", world.namespace, "--timeout=120s")
    assert deleted.returncode == 0, deleted.stderr


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_such_a_session_is_refused_now(world: World, body: str) -> None:
    def is_refused() -> bool:
        return "spec.bot.body may" in create(world, "now", body)

    wait_until(is_refused, PATIENCE, "refused by the policy, of which admission hears a moment after it is made")


def test_no_field_of_a_template_takes_anothers_place(world: World) -> None:
    template = {"spec": {"nodeSelector": {"botsession.dev/no-node-has-this": "true"}}}
    world.session("kept", bot=COMPLETES, podTemplate=template).eventually(phase="Pending")
    swapped = [
        {"op": "remove", "path": "/spec/podTemplate/spec/nodeSelector"},
        {"op": "add", "path": "/spec/podTemplate/spec/nodeName", "value": "x"},
    ]
    patch = ("--type=json", "-p", json.dumps(swapped))
    refused = kubectl("patch", "bs", "kept", "-n", world.namespace, *patch)
    assert "spec.podTemplate cannot change" in refused.stderr
