"""Two operators: one leads. What becomes of live sessions when it is killed, paused or replaced."""

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from botsession_operator.core.names import LEADER_LABEL
from tests.e2e.release import install_operator
from tests.e2e.world import (
    OPERATOR,
    OPERATOR_PODS,
    PATIENCE,
    SYSTEM_NAMESPACE,
    Json,
    Session,
    World,
    kubectl,
    pod_proxy,
    wait_until,
)

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

QUIET: Final = {"target": "quiet.py"}
LEASE: Final = ("lease", "botsession-operator", "-n", SYSTEM_NAMESPACE)


@pytest.fixture(scope="module", autouse=True)
def _two(kubeconfig: Path) -> None:
    """Have two operators."""
    install_operator("--set=replicas=2")


def leader() -> str:
    """Name the pod of the operator that leads now; where none does, wait for the next."""
    wait_until(lambda: bool(_leaders()), PATIENCE, "led by an operator")
    (name,) = _leaders()
    return name


def standby() -> str:
    """Name the pod of an operator that stands by."""

    def found() -> list[str]:
        return sorted({str(pod["metadata"]["name"]) for pod in _ready()} - set(_leaders()))

    wait_until(lambda: len(found()) == 1 and bool(_leaders()), PATIENCE, "led by one of two operators")
    return found()[0]


def lease() -> Json:
    """Return what the operators' Lease says."""
    spec: Json = json.loads(kubectl("get", *LEASE, "-o", "json").stdout)["spec"]
    return spec


def _leaders() -> list[str]:
    """Name the pod that holds the Lease, if it runs and the Service for pokes selects it."""
    holder = kubectl("get", *LEASE, "-o", "jsonpath={.spec.holderIdentity}").stdout
    leading = [pod["metadata"] for pod in _ready() if pod["metadata"]["labels"].get(LEADER_LABEL) == "true"]
    return [str(pod["name"]) for pod in leading if pod["name"] == holder and "deletionTimestamp" not in pod]


def _ready() -> list[Json]:
    listed = kubectl("get", "pods", *OPERATOR_PODS, "--field-selector", "status.phase=Running", "-o", "json").stdout
    return [pod for pod in json.loads(listed)["items"] if _is_ready(pod)]


def _is_ready(pod: Json) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def send_signal(name: str, pod: str) -> None:
    """Send a signal to the process of an operator, from its node."""
    node = kubectl("get", "pod", pod, "-n", SYSTEM_NAMESPACE, "-o", "jsonpath={.spec.nodeName}").stdout
    script = (
        "for process in $(pgrep -f botsession_operator); do "
        f"tr '\\0' '\\n' </proc/$process/environ | grep -qx 'BOTSESSION_POD_NAME={pod}' && kill -{name} $process; "
        "done; true"
    )
    subprocess.run(["docker", "exec", node, "sh", "-c", script], check=True)


def kill(pod: str) -> None:
    """SIGKILL an operator, and take its pod away: no handler of it runs."""
    send_signal("KILL", pod)
    kubectl("delete", "pods", "-n", SYSTEM_NAMESPACE, "--force", "--grace-period=0", pod)


def metric(pod: str, line: str) -> bool:
    return line in pod_proxy(SYSTEM_NAMESPACE, pod, 8475, "metrics").splitlines()


def finished(pod: str, world: World) -> float:
    """Return how many sessions of the namespace an operator has counted."""
    lines = pod_proxy(SYSTEM_NAMESPACE, pod, 8475, "metrics").splitlines()
    ours = (each for each in lines if each.startswith("botsession_finished_total{"))
    return sum(float(each.rpartition(" ")[2]) for each in ours if f'namespace="{world.namespace}"' in each)


def works(world: World, session: Session) -> None:
    """Edit a session, and wait until an operator has answered."""
    generation = session.history.last["metadata"]["generation"]
    world.edit(session, maxSessionDuration="29m")
    session.until(lambda status: status.get("observedGeneration", 0) > generation, what="looked at")


def test_one_operator_leads_and_the_other_is_ready() -> None:
    leading, standing_by = leader(), standby()

    assert metric(leading, "botsession_leader 1.0")
    assert metric(standing_by, "botsession_leader 0.0")
    assert lease()["holderIdentity"] == leading


def test_a_standby_takes_over_from_a_leader_that_is_killed(world: World) -> None:
    before, successor = leader(), standby()
    lives = world.session("lives", bot=QUIET).eventually(phase="Running")
    runs_out = world.session("runs-out", bot=QUIET, maxSessionDuration="5s").eventually(phase="Running")
    transitions = lease()["leaseTransitions"]

    kill(before)

    created = world.session("created-meanwhile", bot={"target": "completes.py"})
    assert (leader(), lease()["leaseTransitions"]) == (successor, transitions + 1)
    assert created.finishes()["reason"] == "Completed"
    assert runs_out.finishes()["reason"] == "MaxDuration"
    wait_until(lambda: finished(successor, world) == 2, PATIENCE, "counted once each")
    world.edit(lives, end="Immediate")
    assert lives.finishes()["reason"] == "EndRequested"


def test_a_leader_that_wakes_up_late_writes_nothing_and_leaves(world: World) -> None:
    session = world.session("lives", bot=QUIET).eventually(phase="Running")
    paused, successor = leader(), standby()
    before = restarts(paused)
    world.time_is_over(session, 5)  # so that the leader has something to do when it wakes up

    send_signal("STOP", paused)
    try:
        wait_until(lambda: lease()["holderIdentity"] == successor, PATIENCE, "taken over")
    finally:
        send_signal("CONT", paused)

    wait_until(lambda: restarts(paused) > before, PATIENCE, "gone")
    said = kubectl("logs", "-n", SYSTEM_NAMESPACE, paused, "--previous").stdout
    assert '"event": "lease lost"' in said
    assert session.finishes()["reason"] == "MaxDuration"
    assert leader() == successor
    assert finished(successor, world) == 1


def restarts(pod: str) -> int:
    path = "jsonpath={.status.containerStatuses[0].restartCount}"
    return int(kubectl("get", "pod", pod, "-n", SYSTEM_NAMESPACE, "-o", path).stdout or 0)


def test_a_rollout_hands_over_without_waiting_for_the_lease(world: World) -> None:
    session = world.session("lives", bot=QUIET).eventually(phase="Running")
    before = leader()

    kubectl("rollout", "restart", *OPERATOR)
    assert kubectl("rollout", "status", *OPERATOR, f"--timeout={PATIENCE}s").returncode == 0
    works(world, session)

    assert leader() != before
    world.edit(session, end="Immediate")
    assert session.finishes()["reason"] == "EndRequested"


def test_a_lease_that_somebody_deletes_is_made_again() -> None:
    leading = leader()

    kubectl("delete", *LEASE)

    assert leader() == leading  # as soon as there is a Lease again
