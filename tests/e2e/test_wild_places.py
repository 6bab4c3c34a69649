"""Sessions on the node's network, as servers of their own, without a container yet, and out of disk."""

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from kubernetes import client

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.report import ExitReport, to_bytes
from tests.e2e.calls import called, exposed
from tests.e2e.world import Json, Session, World, kubectl, pod_proxy, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

HOST: Final[Json] = {"spec": {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}}
PYTHON: Final = "python3"


def bot_container(world: World, session: Session) -> Any:
    """Read the bot's container of a session's pod."""
    pod: Any = client.CoreV1Api().read_namespaced_pod(session.status["podName"], world.namespace)
    (container,) = (each for each in pod.spec.containers if each.name == "bot")
    return container


def control_port(world: World, session: Session) -> int:
    """Return the port of the node on which a session's supervisor listens."""
    (port,) = (each for each in bot_container(world, session).ports if each.name == "control")
    assert port.host_port == port.container_port
    return int(port.container_port)


def is_told(kind: str, reason: str) -> Any:
    """Return what holds of a status whose condition has this reason."""

    def holds(status: Json) -> bool:
        return any(each["type"] == kind and each["reason"] == reason for each in status.get("conditions", ()))

    return holds


# The node's network.


def test_sessions_share_their_nodes_network(world: World) -> None:
    first = world.session("webrtc-1", bot={"target": "quiet.py"}, podTemplate=HOST).eventually(phase="Running")
    there = {"spec": {**HOST["spec"], "nodeSelector": {"kubernetes.io/hostname": first.status["nodeName"]}}}
    names = ("webrtc-2", "webrtc-3")
    sessions = [first, *(world.session(name, bot={"target": "quiet.py"}, podTemplate=there) for name in names)]
    for session in sessions:
        session.eventually(phase="Running")
        session.until(is_told("Controlled", "Answers"), what="answered by its supervisor")
    assert len({control_port(world, session) for session in sessions}) == len(sessions)
    assert len({session.status["nodeName"] for session in sessions}) == 1

    world.edit(sessions[0], end="Graceful")
    finish = sessions[0].finishes()
    assert (finish["reason"], finish["outcome"]) == ("EndRequested", "Drained")
    for session in sessions[1:]:  # each is told of its own end alone
        assert session.status["phase"] == "Running"
        world.delete(session)
        session.goes()


def test_callers_reach_each_of_several_bots_on_one_node(world: World) -> None:
    answers = {"target": "answers.py", "transport": {"type": "websocket"}, "body": {"hangs_up": 0.5}}
    first = exposed(world, "web-1", answers, podTemplate=HOST)
    there = {"spec": {**HOST["spec"], "nodeSelector": {"kubernetes.io/hostname": first.status["nodeName"]}}}
    second = exposed(world, "web-2", answers, podTemplate=there)
    for session in (second, first):
        assert called(session, name=f"{session.name}-caller").startswith("heard")
        finish = session.finishes()
        assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")


# A server of its own.

SERVES: Final[Json] = {"command": [PYTHON, "serves.py", "7860", "open"]}


def test_server_of_its_own_waits_for_its_caller_and_is_called(world: World) -> None:
    session = world.session("served", bot=SERVES, expose={"port": 7860})
    session.until(is_told("Started", "WaitingForCaller"), what="waiting for its caller")
    assert re.match(r"http://.*:7860", session.status["url"])
    assert session.status["phase"] == "Starting"
    pod_proxy(world.namespace, session.status["podName"], 7860, "call")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == ("Completed", "Drained", "said all")
    assert session.status["timings"]["listening"] <= session.status["timings"]["pipelineStarted"]


def test_server_that_nobody_calls_is_no_failure(world: World) -> None:
    session = world.session("no-show", bot=SERVES, expose={"port": 7860}, joinTimeout="2s", startTimeout="3m")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == (
        "NoClient",
        "NeverStarted",
        "no caller had connected",
    )
    assert session.status["phase"] == "Succeeded"


def test_server_that_nobody_can_call_is_told_of(world: World) -> None:
    alone = {"command": [PYTHON, "serves.py", "7860"]}
    session = world.session("alone", bot=alone, expose={"port": 7860}, joinTimeout="2s", startTimeout="3m")
    finish = session.finishes()
    assert finish["reason"] == "NoClient"
    assert "the bot listened only on 127.0.0.1" in finish["message"]


def test_server_without_an_address_is_waited_for_too(world: World) -> None:
    session = world.session("unexposed", bot=SERVES, joinTimeout="2s", startTimeout="1m")
    finish = session.finishes()
    assert finish["reason"] == "NoClient"
    assert finish["message"] == "no caller had connected to port 7860, on which the bot listened"


# Deleted before the bot's container exists.

DEAF: Final = {"name": "slow", "image": "botsession/testbot:dev", "command": ["sh", "-c", "trap '' TERM; sleep 600"]}
EARLY: Final[dict[str, Json]] = {
    "while its image is pulled": {"bot": {"image": "registry.invalid/never:1", "target": "quiet.py"}},
    "while its volumes are prepared": {
        "bot": {"target": "quiet.py"},
        "podTemplate": {
            "spec": {
                "containers": [{"name": "bot", "volumeMounts": [{"name": "late", "mountPath": "/late"}]}],
                "volumes": [{"name": "late", "secret": {"secretName": "not-there"}}],
            }
        },
    },
    "while an init container runs": {
        "bot": {"target": "quiet.py"},
        "podTemplate": {"spec": {"initContainers": [DEAF]}},
    },
}


@pytest.mark.parametrize("spec", [pytest.param(spec, id=name) for name, spec in EARLY.items()])
def test_pod_that_is_deleted_before_its_container_exists(world: World, spec: Json) -> None:
    session = world.session("too-early", shutdown={"gracePeriod": "2s", "cancelPeriod": "2s"}, **spec)
    session.until(lambda status: bool(status.get("nodeName")), what="on a node")
    world.delete_pod(session)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Evicted", "NeverStarted")
    assert finish["message"].startswith("the bot's container never started")
    world.nothing_is_left(session)


# Out of disk. The kubelet of the test node counts no disk, so a test writes what another one would.

VOLUME: Final = 'Usage of EmptyDir volume "recordings" exceeds the limit "64Mi". '
NODE: Final = (
    "The node was low on resource: ephemeral-storage. Threshold quantity: 10%, available: 5%. "
    "Container bot was using 3Gi, request is 0, has larger consumption of ephemeral-storage. "
)


def report() -> str:
    """Return the report of a supervisor that a SIGTERM reached in time."""
    now = datetime.now(UTC)
    left = ExitReport(Reason.EVICTED, Outcome.DRAINED, finished_at=now, started_at=now, frame="EndFrame", exit_code=0)
    return to_bytes(left).decode()


def evict(world: World, session: Session, words: str, message: str) -> None:
    """Write into a pod's status what a kubelet does that has evicted it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"exitCode": 137, "reason": "Error", "startedAt": now, "finishedAt": now}
    state = {"terminated": ended | ({"message": message} if message else {})}
    image = bot_container(world, session).image
    container = {"name": "bot", "image": image, "imageID": "", "ready": False, "restartCount": 0, "state": state}
    status = {"phase": "Failed", "reason": "Evicted", "message": words, "containerStatuses": [container]}
    path = ("patch", "pod", "-n", world.namespace, session.status["podName"], "--subresource=status", "--type=merge")
    patched = kubectl(*path, "-p", json.dumps({"status": status}))
    assert patched.returncode == 0, patched.stderr


@pytest.mark.parametrize("words", [VOLUME, NODE])
@pytest.mark.parametrize("outcome", ["Drained", "Lost"])
def test_eviction_for_disk_is_told_in_the_kubelets_words(world: World, words: str, outcome: str) -> None:
    # Nobody schedules the pod, so no kubelet writes its status.
    nobody = {"spec": {"schedulerName": "nobody"}}
    session = world.session("full-volume", bot={"target": "quiet.py"}, podTemplate=nobody)
    session.until(lambda status: bool(status.get("podName")), what="given a pod")
    wait_until(lambda: bool(world.pods(session)), 60, "in the cluster")
    evict(world, session, words, report() if outcome == "Drained" else "")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Evicted", outcome)
    assert finish["message"] == f"Evicted: {words.strip()}"
    world.nothing_is_left(session)
