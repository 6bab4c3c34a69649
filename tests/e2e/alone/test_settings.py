"""What only some of the chart's settings bring about; one operator has all of them that do not disturb each other."""

import json
from typing import Any, Final

import pytest
from kubernetes import client

from tests.e2e.calls import called, exposed, listed
from tests.e2e.many_settings import have_operator_with_many_settings
from tests.e2e.pod_security import LIMITS, LOCKED_UP, limit, restrict
from tests.e2e.world import Json, World, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

HOST: Final[Json] = {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
SQUATTER: Final[Json] = {
    "name": "squatter",
    "image": "botsession/testbot:dev",
    "imagePullPolicy": "IfNotPresent",
    "command": ["python3", "-m", "http.server", "20000"],
    "readinessProbe": {"tcpSocket": {"port": 20000}, "periodSeconds": 1},
}


@pytest.fixture(autouse=True)
def _set(fenced_world: World) -> None:
    have_operator_with_many_settings(fenced_world.namespace)


def test_image_runs_unchanged_where_the_runtime_is_copied(world: World) -> None:
    """Hold it of servers without image volumes; in a strict namespace, where the copying container counts too."""
    restrict(world)
    limit(world)
    env = [{"name": "CALL_SECONDS", "value": "1"}]
    bot = {"image": "botsession/shape-tini:dev", "target": "bot.py", "env": env, "resources": LIMITS}
    template = {"spec": {"containers": [{"name": "bot", "securityContext": LOCKED_UP}]}}
    session = world.session("copied", bot=bot, podTemplate=template)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")


def test_port_that_another_program_of_the_node_has_is_told_of(world: World) -> None:
    spec = {"hostNetwork": True, "terminationGracePeriodSeconds": 0, "containers": [SQUATTER]}
    metadata = {"name": "squatter", "namespace": world.namespace}
    squatter = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    applied = kubectl("apply", "-f", "-", stdin=json.dumps(squatter))
    assert applied.returncode == 0, applied.stderr
    ready = kubectl("wait", "-n", world.namespace, "pod/squatter", "--for=condition=Ready", "--timeout=180s")
    assert ready.returncode == 0, ready.stderr
    pod: Any = client.CoreV1Api().read_namespaced_pod("squatter", world.namespace)
    template = {"spec": {**HOST, "nodeName": pod.spec.node_name}}
    finish = world.session("late", bot={"target": "quiet.py"}, podTemplate=template).finishes()
    assert (finish["reason"], finish["outcome"]) == ("BotError", "NeverStarted")
    assert finish["message"].startswith("the supervisor cannot listen on port 20000 of the node: ")


def test_session_has_a_route_as_long_as_it_lives(world: World) -> None:
    bot = {"target": "answers.py", "transport": {"type": "websocket"}, "body": {"hangs_up": 0.5}}
    session = exposed(world, "routed", bot)
    (service,), (ingress,) = listed(world, "services"), listed(world, "ingresses")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert session.status["url"] == f"wss://bots.example.test/{world.namespace}/routed/ws"
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"number": 7860}}

    # What a proxy passes on that leaves the path as it is.
    inside = f"ws://{service['metadata']['name']}.{world.namespace}.svc:7860/{world.namespace}/routed/ws"
    assert called(session, inside).startswith("heard")

    assert session.finishes()["reason"] == "Completed"
    assert listed(world, "services") + listed(world, "ingresses") == []
