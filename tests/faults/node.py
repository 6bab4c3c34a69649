"""What is done to kind's nodes, and to processes in them, past the API server. Whatever is done can be undone."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.e2e.world import ROOT, Session, kubectl, wait_until

CLUSTER: Final = os.environ.get("CLUSTER", "botsession")
CONTROL_PLANE: Final = f"{CLUSTER}-control-plane"
WORKER: Final = f"{CLUSTER}-worker"
#: The control port of bots, and the operator's own, where pokes arrive.
PORTS: Final = (8474, 8475)


def docker(*arguments: str, timeout: float = 120) -> str:
    """Run a docker command; what fails says so."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def supervisor_pid(session: Session) -> int:
    """Find the supervisor, process 1 of the session's container, by the number it has on the worker."""
    pod = json.loads(kubectl("get", "pod", "-n", session.namespace, session.status["podName"], "-o", "json").stdout)
    (status,) = (each for each in pod["status"]["containerStatuses"] if each["name"] == "bot")
    container = status["containerID"].partition("://")[2]
    tasks = docker("exec", WORKER, "ctr", "--namespace", "k8s.io", "tasks", "list")
    (pid,) = (int(line.split()[1]) for line in tasks.splitlines() if line.startswith(container))
    return pid


def child_pid(pid: int) -> int:
    """Find the bot, which is the supervisor's child."""
    return int(docker("exec", WORKER, "pgrep", "--oldest", "--parent", str(pid)))


def signal(pid: int, name: str) -> None:
    """Send a signal from the worker, where no container's own rules hold it up."""
    docker("exec", WORKER, "kill", f"-{name}", str(pid))


@contextmanager
def paused() -> Iterator[None]:
    """Freeze the worker, with all that runs on it."""
    docker("pause", WORKER)
    try:
        yield
    finally:
        docker("unpause", WORKER)
        is_ready_again()


@contextmanager
def stopped() -> Iterator[None]:
    """Switch the worker off, as when its machine dies; nothing on it is told."""
    docker("kill", WORKER)
    try:
        yield
    finally:
        docker("start", WORKER)
        is_ready_again()
        # hack/cluster trusts nodes that run since it has started them, and this one is in order again.
        subprocess.run([ROOT / "hack/cluster", "trust"], check=True)


@contextmanager
def cordoned() -> Iterator[None]:
    """Let the scheduler put nothing more on the worker."""
    assert kubectl("cordon", WORKER).returncode == 0
    try:
        yield
    finally:
        kubectl("uncordon", WORKER)


def drain(namespace: str) -> None:
    """Evict the sessions of a namespace, as `kubectl drain` does with all that is on a node; it does not wait."""
    selector = "botsession.dev/session"
    command = ("drain", WORKER, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--disable-eviction=false")
    kubectl(*command, f"--pod-selector={selector}", "--timeout=90s", timeout=120)
    del namespace


@contextmanager
def cut_off() -> Iterator[None]:
    """Keep pods of the worker and those elsewhere, the operator's, from each other; the kubelet reaches its own."""
    rules = [["FORWARD", "--protocol", "tcp", "--dport", str(port), "--jump", "DROP"] for port in PORTS]
    for rule in rules:
        docker("exec", WORKER, "iptables", "--insert", *rule)
    try:
        yield
    finally:
        for rule in rules:
            docker("exec", WORKER, "iptables", "--delete", *rule)


def is_ready_again(within: float = 150) -> None:
    """Wait until the API server has heard from the worker, and its taints are gone."""

    def is_ready() -> bool:
        found = kubectl("get", "node", WORKER, "-o", "json", timeout=20)
        node = json.loads(found.stdout) if found.returncode == 0 else {"spec": {}, "status": {"conditions": []}}
        ready = {each["type"]: each["status"] for each in node["status"]["conditions"]}.get("Ready")
        return ready == "True" and not node["spec"].get("taints")

    wait_until(is_ready, within, f"{WORKER} ready again")
