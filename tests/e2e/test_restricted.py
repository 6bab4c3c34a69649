"""Pod Security's strictest level: the operator runs under it, and so do ordinary sessions with nothing special."""

from pathlib import Path
from typing import Final

import pytest

from tests.e2e.operators import OPERATOR_PODS
from tests.e2e.pod_security import restrict
from tests.e2e.world import SYSTEM_NAMESPACE, Json, World, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

#: An image with a user of its own, as it was made.
ORDINARY: Final[Json] = {
    "image": "botsession/shape-tini:dev",
    "target": "bot.py",
    "env": [{"name": "CALL_SECONDS", "value": "1"}],
}
LONG_CALL: Final[Json] = {**ORDINARY, "env": [{"name": "CALL_SECONDS", "value": "600"}]}


@pytest.fixture
def restricted(world: World) -> World:
    """Return a namespace whose pods must meet the level `restricted`."""
    restrict(world)
    return world


def test_an_ordinary_session_runs_to_its_own_end(restricted: World) -> None:
    finish = restricted.session("own", bot=ORDINARY).finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")


def test_an_ordinary_session_ends_when_it_is_asked_to(restricted: World) -> None:
    session = restricted.session("asked", bot=LONG_CALL).eventually(phase="Running")
    restricted.edit(session, end="Graceful")
    assert session.finishes()["outcome"] == "Drained"


def test_a_session_that_asks_for_more_gets_no_pod_and_is_told_why(restricted: World) -> None:
    session = restricted.session("host", bot=ORDINARY, podTemplate={"spec": {"hostNetwork": True}})

    def is_told(status: Json) -> bool:
        conditions = status.get("conditions", [])
        return any('violates PodSecurity "restricted' in each["message"] for each in conditions)

    session.until(is_told, what="told of the level")
    restricted.delete(session)
    session.goes()


def test_the_operator_runs_under_the_strictest_level(kubeconfig: Path) -> None:
    level = "jsonpath={.metadata.labels['pod-security\\.kubernetes\\.io/enforce']}"
    assert kubectl("get", "namespace", SYSTEM_NAMESPACE, "-o", level).stdout == "restricted"
    running = kubectl("get", "pods", *OPERATOR_PODS, "--field-selector=status.phase=Running", "-o", "name")
    assert running.stdout.count("pod/") >= 1
