"""The chart's policy bounds what a session may hold."""

import json
from typing import Final

import pytest

from tests.e2e.bodies import BODIES, create_with
from tests.e2e.world import PATIENCE, World, kubectl, wait_until

pytestmark = pytest.mark.cluster

COMPLETES: Final = {"target": "completes.py"}


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_a_session_with_too_large_a_body_is_refused(world: World, body: str) -> None:
    def is_refused() -> bool:
        return "spec.bot.body may" in create_with(world, "now", body)

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
