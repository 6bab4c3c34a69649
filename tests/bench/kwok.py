"""A node that does not exist, whose pods run for the API server alone: kwok plays its kubelet.

No pod has the addresses of its pods. A route on the cluster's nodes drops what is sent to them, so that a supervisor
"in" such a pod is silent, as one is whose machine has died. Or one program of this machine answers for all of them, in
the network namespace of the worker (`tests/bench/stand_in.py`). No packet leaves the cluster.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kubernetes import client

from tests.bench.figures import RESULTS, ROOT

NODE: Final = "bench-kwok"
#: In the pod network of kind, 10.244.0.0/16, and far from what its nodes use.
ADDRESSES: Final = "10.244.192.0/18"
ANNOTATION: Final = {"kwok.x-k8s.io/node": "fake"}
KWOK: Final = ROOT / ".tools/bin/kwok"
STAGES: Final = ROOT / "tests/bench/kwok.yaml"
#: A pod with this label runs for a second.
SHORT_LIFE: Final = {"life": "short"}
#: Which sessions the stand-in was asked to end, and when.
ENDS: Final = RESULTS / "ends.jsonl"
CLUSTER: Final = os.environ.get("CLUSTER", "botsession")


@contextmanager
def kwok_node(*, answers: bool = False) -> Iterator[None]:
    """Have the node, its kubelet and the route while the benchmark needs them; `answers`: its supervisors are live."""
    subprocess.run([ROOT / "hack/tools", "kwok"], check=True)
    with _answered() if answers else _dropped(), _registered(), _played():
        yield


def on_the_node(labels: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the `podTemplate` of a session whose pod is to be there. No scheduler is asked."""
    return {"metadata": {"labels": labels or {}}, "spec": {"nodeName": NODE}}


def ends() -> list[dict[str, Any]]:
    """Return which sessions the stand-in was asked to end, in this order, and when they had started."""
    return [json.loads(line) for line in ENDS.read_text().splitlines()]


@contextmanager
def _dropped() -> Iterator[None]:
    """Drop packets to the pods of the node, on each node of the cluster."""
    listing = ["docker", "ps", "--filter", f"label=io.x-k8s.kind.cluster={CLUSTER}", "--format", "{{.Names}}"]
    nodes = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    for node in nodes:
        subprocess.run(["docker", "exec", node, "ip", "route", "replace", "blackhole", ADDRESSES], check=True)
    try:
        yield
    finally:
        for node in nodes:
            subprocess.run(["docker", "exec", node, "ip", "route", "delete", "blackhole", ADDRESSES], check=False)


@contextmanager
def _answered() -> Iterator[None]:
    """Have one program answer for the supervisors of all pods of the node: the worker has their addresses.

    The operator's pods are on that worker.
    """
    worker = f"{CLUSTER}-worker"
    route = ["local", ADDRESSES, "dev", "lo"]
    inspected = ["docker", "inspect", "--format", "{{.State.Pid}}", worker]
    pid = subprocess.run(inspected, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["docker", "exec", worker, "ip", "route", "replace", *route], check=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    ENDS.write_text("")
    command = ["nsenter", "--target", pid, "--net", sys.executable, "-m", "tests.bench.stand_in", str(ENDS)]
    try:
        with subprocess.Popen(command, cwd=ROOT) as process:
            try:
                yield
            finally:
                process.terminate()
    finally:
        subprocess.run(["docker", "exec", worker, "ip", "route", "delete", *route], check=False)


@contextmanager
def _registered() -> Iterator[None]:
    """Register the node. Its taint keeps the scheduler from it; without an internal address it gets no routes."""
    core, node = client.CoreV1Api(), _node()
    core.create_node(node)
    try:
        yield
    finally:
        core.delete_node(NODE)


def _node() -> Any:
    return {
        "metadata": {"name": NODE, "annotations": ANNOTATION, "labels": {"type": "kwok"}},
        "spec": {"podCIDR": ADDRESSES, "taints": [{"key": "kwok.x-k8s.io/node", "effect": "NoSchedule"}]},
        "status": {"addresses": [{"type": "Hostname", "address": NODE}]},
    }


@contextmanager
def _played() -> Iterator[None]:
    """Run kwok, on this machine, for this node only."""
    command = [
        str(KWOK),
        "--kubeconfig",
        os.environ["KUBECONFIG"],
        "--config",
        str(STAGES),
        "--manage-nodes-with-annotation-selector",
        "kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds",
        "40",
        "--server-address",
        "127.0.0.1:0",
    ]
    log = ROOT / "build/bench/kwok.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            yield
        finally:
            process.terminate()
