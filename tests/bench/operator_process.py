"""The operator's processes on the worker: what each uses, which of them leads, and what happens when one goes."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubernetes import client

from botsession_operator.core.names import LEADER_LABEL
from tests.bench import crowd
from tests.bench.harness import Bench, Json

NAMESPACE: Final = "botsession-system"
NAME: Final = "botsession-operator"
#: Prints for each process of the operator on its node: its pod, its ticks as user and in the system, its RSS in KiB.
LOOK: Final = r"""
for pid in $(pgrep -f 'botsession_operator'); do
  case $(cat /proc/$pid/comm) in python*) ;; *) continue ;; esac
  tr '\0' '\n' < /proc/$pid/environ | sed -n 's/^HOSTNAME=//p' | tr '\n' ' '
  awk '{printf "%s %s ", $14, $15}' /proc/$pid/stat
  awk '/VmRSS/ {print $2}' /proc/$pid/status
done
"""
TICKS: Final = 100
#: Programs of the cluster whose share of the machine says what limits it.
PROGRAMS: Final = ("kube-apiserver", "etcd", "kube-controller", "kwok")
PATIENCE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far: processor seconds, and the bytes that it has in memory now."""

    cpu: float
    rss: int


def look() -> dict[str, Usage]:
    """Return what each operator has used, by the name of its pod."""
    command = ["docker", "exec", crowd.WORKER, "sh", "-c", LOOK]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return parse(said)


def parse(said: str) -> dict[str, Usage]:
    """Return what LOOK has printed. A process that went away while it looked has a short line."""
    rows = [line.split() for line in said.splitlines() if len(line.split()) == 4]
    return {pod: Usage((int(user) + int(system)) / TICKS, int(rss) * 1024) for pod, user, system, rss in rows}


def used(before: dict[str, Usage], after: dict[str, Usage], leader: str) -> Json:
    """Return the processor seconds in between, and the memory at the end, of the leader and of the others."""
    nothing = Usage(0.0, 0)
    cpu = {pod: usage.cpu - before.get(pod, nothing).cpu for pod, usage in after.items()}
    others = [pod for pod in after if pod != leader]
    return {
        "cpu": cpu.get(leader, 0.0),
        "rss": after.get(leader, nothing).rss,
        "standby_cpu": max((cpu[pod] for pod in others), default=None),
        "standby_rss": max((after[pod].rss for pod in others), default=None),
    }


def programs() -> dict[str, float]:
    """Return the processor seconds that other programs of this machine, and this one, have used, by name."""
    seconds = dict.fromkeys(PROGRAMS, 0.0) | {"the benchmark itself": time.process_time()}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().partition(" (")[2].rpartition(") ")
        except OSError:  # it has ended
            continue
        if name in seconds:
            user, system = rest.split()[11:13]
            seconds[name] += (int(user) + int(system)) / TICKS
    return seconds


def leader() -> str:
    """Return the name of the pod that leads; of the only one, where none has to be elected."""
    pods = _pods()
    leaders = [pod for pod in pods if pod.metadata.labels.get(LEADER_LABEL) == "true"]
    return str((leaders or pods)[0].metadata.name)


def replicas() -> int:
    """Return how many operators are to run."""
    return int(_deployment().spec.replicas or 0)


@contextmanager
def stopped() -> Iterator[None]:
    """Have no operator; afterwards start as many as there were, and wait until one is ready."""
    count = replicas()
    _scale(0)
    _wait(lambda: not _pods(), "all operators are gone")
    try:
        yield
    finally:
        _scale(count)
        _wait(lambda: _ready() > 0, "an operator is ready")


def cold_restart(cluster: Bench) -> Json:
    """Stop all operators and start them; return how soon one is ready, and runs a session that is created then."""
    count = replicas()
    with stopped():
        began = time.time()
    ready = time.time()
    crowd.create_one(cluster, "after-restart")
    running = _until_running(cluster, "after-restart")
    cluster.left("after-restart")
    _wait(lambda: _ready() == count, "all operators are ready")
    return {"ready": ready - began, "running": running - ready}


def takeover(cluster: Bench, *, kills: bool) -> Json:
    """Delete the leader's pod; return how soon another one has the lease, and runs a session that is created now."""
    core, gone, name = client.CoreV1Api(), leader(), "after-a-kill" if kills else "after-a-stop"
    began = time.time()
    core.delete_namespaced_pod(gone, NAMESPACE, grace_period_seconds=0 if kills else 30)
    crowd.create_one(cluster, name)
    _wait(lambda: _holder() not in ("", gone), "another operator has the lease")
    taken = time.time()
    running = _until_running(cluster, name)
    cluster.left(name)
    count = replicas()
    _wait(lambda: _ready() == count and gone not in [pod.metadata.name for pod in _pods()], "all operators are ready")
    return {"taken": taken - began, "running": running - taken}


def _until_running(cluster: Bench, name: str) -> float:
    cluster.until(lambda: cluster.status(name).get("phase") == "Running", f"{name} runs")
    return time.time()


def _pods() -> list[Any]:
    selector = f"app.kubernetes.io/name={NAME}"
    return list(client.CoreV1Api().list_namespaced_pod(NAMESPACE, label_selector=selector).items)


def _ready() -> int:
    return int(_deployment().status.ready_replicas or 0)


def _deployment() -> Any:
    return client.AppsV1Api().read_namespaced_deployment(NAME, NAMESPACE)


def _holder() -> str:
    leases: list[Any] = client.CoordinationV1Api().list_namespaced_lease(NAMESPACE).items
    return next((str(lease.spec.holder_identity or "") for lease in leases), "")


def _scale(count: int) -> None:
    client.AppsV1Api().patch_namespaced_deployment_scale(NAME, NAMESPACE, {"spec": {"replicas": count}})


def _wait(holds: Callable[[], bool], what: str) -> None:
    deadline = time.time() + PATIENCE_SECONDS
    while not holds():
        if time.time() > deadline:
            raise TimeoutError(f"not in time: {what}")
        time.sleep(0.05)
