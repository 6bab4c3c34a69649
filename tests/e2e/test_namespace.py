"""A namespace that is deleted under live sessions: they end as they should, and it goes."""

import json

import pytest

from tests.e2e.operators import operator_log, operator_pod
from tests.e2e.world import FORCED, PATIENCE, Json, World, kubectl, wait_until

pytestmark = pytest.mark.cluster

QUIET = {"target": "quiet.py"}


def test_a_deleted_namespace_goes_and_its_sessions_end_gracefully(world: World) -> None:
    quiet = world.session("quiet", bot=QUIET).eventually(phase="Running")
    stuck = world.session("stuck", bot={"target": "swallows_end.py"}, shutdown=FORCED).eventually(phase="Running")
    done = world.session("done", bot={"target": "completes.py"}, podRetention="Always")
    done.finishes()
    world.set_quota(pods=0)
    podless = world.session("podless", bot=QUIET, startTimeout="5m")
    podless.until(lambda status: bool(status.get("conditions")))
    operator = operator_pod()
    before = len(operator_log(operator))

    kubectl("delete", "namespace", world.namespace, "--wait=false")

    for session, outcome in ((quiet, "Drained"), (stuck, "Forced")):
        session.goes()
        (finish,) = session.history.finishes
        assert (finish["reason"] in ("Evicted", "Deleted"), finish["outcome"]) == (True, outcome)
        assert finish["reportedBy"] == "Runtime"
    done.goes()
    podless.goes()
    assert [finish["outcome"] for finish in podless.history.finishes] == ["NeverStarted"]
    wait_until(lambda: world.namespace not in kubectl("get", "namespaces", "-o", "name").stdout, PATIENCE, "gone")

    said = [line for line in operator_log(operator)[before:] if is_of(line, world.namespace)]
    troubles = [line["event"] for line in said if line["level"] != "info" and line["event"] != "pod refused"]
    assert troubles == []
    assert sum(line["event"] == "pod refused" for line in said) < 20


def is_of(line: Json, namespace: str) -> bool:
    """Return whether a line of the log names a namespace."""
    return namespace in json.dumps(line)
