"""Several shards: each operator has the sessions of its own namespaces, and notices nothing of the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from botsession_operator.core.names import LEADER_LABEL
from botsession_operator.core.shards import Shard, shard_of
from tests.e2e.release import install_operator, uninstall_operator
from tests.e2e.world import PATIENCE, SYSTEM_NAMESPACE, Json, World, kubectl, make_namespace, pod_proxy, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(900)]

TWO: Final = ("--set=shards=2", "--set=replicas=1")
QUIET: Final = {"target": "quiet.py"}
COMPLETES: Final = {"target": "completes.py"}
FAMILY: Final = "botsession-operator"


@pytest.fixture(scope="module", autouse=True)
def _two_shards(kubeconfig: Path) -> None:
    """Have two shards, of one operator each."""
    install_operator(*TWO)


@pytest.fixture
def worlds(kubeconfig: Path) -> Iterator[list[World]]:
    """Return a namespace of each of two shards, in their order."""
    made: list[str] = []
    found: dict[int, World] = {}
    while len(found) < 2:
        made.append(make_namespace("e2e"))
        found.setdefault(shard_of(made[-1], 2), World(made[-1]))
    yield [found[0], found[1]]
    for world in found.values():
        world.close()
    kubectl("delete", "namespaces", "--wait=false", "--ignore-not-found", *made)


def leader(index: int) -> str:
    """Wait until an operator of a shard leads, and name its pod."""
    selector = f"app.kubernetes.io/name={FAMILY},botsession.dev/shard={index},{LEADER_LABEL}=true"
    listing = ("get", "pods", "-n", SYSTEM_NAMESPACE, "-l", selector, "-o", "json")

    def found() -> list[str]:
        pods = [pod["metadata"] for pod in json.loads(kubectl(*listing).stdout)["items"]]
        return [str(pod["name"]) for pod in pods if "deletionTimestamp" not in pod]

    wait_until(lambda: len(found()) == 1, PATIENCE, f"led by one operator of shard {index}")
    return found()[0]


def lease(shard: Shard) -> Json:
    """Return what the Lease of a shard says."""
    found = kubectl("get", "lease", shard.lease_name(FAMILY), "-n", SYSTEM_NAMESPACE, "-o", "json")
    spec: Json = json.loads(found.stdout)["spec"]
    return spec


def metric(pod: str, name: str, *labels: str) -> float:
    """Return the sum of an operator's series that have these labels."""
    lines = pod_proxy(SYSTEM_NAMESPACE, pod, 8475, "metrics").splitlines()
    ours = (line for line in lines if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(line.rpartition(" ")[2]) for line in ours if all(each in line for each in labels))


def finished(pod: str, world: World) -> float:
    """Return how many sessions of a namespace an operator has counted."""
    return metric(pod, "botsession_finished_total", f'namespace="{world.namespace}"')


def is_counted_once(pod: str, world: World) -> None:
    """Wait until an operator has counted the one session of a namespace."""
    wait_until(lambda: finished(pod, world) == 1, PATIENCE, "counted once")


def test_each_session_is_run_and_recorded_by_the_operator_of_its_shard_alone(worlds: list[World]) -> None:
    pods = [leader(index) for index in range(2)]

    for world in worlds:
        assert world.session("call", bot=COMPLETES).finishes()["outcome"] == "Drained"

    for index, world in enumerate(worlds):
        is_counted_once(pods[index], world)
        assert finished(pods[1 - index], world) == 0
        assert metric(pods[index], "botsession_pokes_total", "Admitted") > 0
        assert metric(pods[index], "botsession_shards") == 2
        assert lease(Shard(index, 2))["holderIdentity"] == pods[index]


def test_a_shard_whose_leader_is_killed_leaves_the_other_undisturbed(worlds: list[World]) -> None:
    before = [leader(index) for index in range(2)]
    transitions = lease(Shard(1, 2))["leaseTransitions"]
    kubectl("scale", "deployment", f"{FAMILY}-shard-0", "-n", SYSTEM_NAMESPACE, "--replicas=0")
    kubectl("delete", "pod", before[0], "-n", SYSTEM_NAMESPACE, "--force", "--grace-period=0", "--ignore-not-found")

    try:
        waits = worlds[0].session("waits", bot=COMPLETES)
        assert worlds[1].session("call", bot=COMPLETES).finishes()["reason"] == "Completed"
        assert worlds[0].pods(waits) == []
    finally:
        kubectl("scale", "deployment", f"{FAMILY}-shard-0", "-n", SYSTEM_NAMESPACE, "--replicas=1")

    assert waits.finishes()["reason"] == "Completed"
    assert leader(0) != before[0]
    assert (leader(1), lease(Shard(1, 2))["leaseTransitions"]) == (before[1], transitions)


def test_live_sessions_survive_another_number_of_shards_and_end_once(worlds: list[World]) -> None:
    sessions = [world.session("lives", bot=QUIET).eventually(phase="Running") for world in worlds]

    install_operator("--set=shards=3", "--set=replicas=1")

    for world, session in zip(worlds, sessions, strict=True):
        world.edit(session, end="Immediate")
        assert session.finishes()["reason"] == "EndRequested"
        is_counted_once(leader(shard_of(world.namespace, 3)), world)


def test_uninstalling_ends_the_sessions_of_all_shards(worlds: list[World]) -> None:
    sessions = [world.session("lives", bot=QUIET).eventually(phase="Running") for world in worlds]

    helm = uninstall_operator()
    said, _ = helm.communicate(timeout=400)

    assert helm.returncode == 0, said
    assert [session.finishes()["reason"] for session in sessions] == 2 * ["EndRequested"]
    for world in worlds:
        assert kubectl("get", "pods", "-n", world.namespace, "-o", "name").stdout == ""
