"""The operator under test: installed by its chart, on the control plane, with the proxy for an API server.

On the control plane, since the worker is what breaks.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.world import ROOT, SYSTEM_NAMESPACE, Json, kill_operator, kubectl, operator_pod
from tests.faults import network
from tests.faults.proxy import Proxy

DEPLOYMENT: Final = ("deployment/botsession-operator", "-n", SYSTEM_NAMESPACE)
CONTROL_PLANE: Final = "node-role.kubernetes.io/control-plane"
#: What a pod is told of the API server, unless its container's own environment says otherwise.
ADDRESS: Final = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")


@contextmanager
def subject() -> Iterator[Proxy]:
    """Give the proxy that the installed operator talks through; afterwards the operator is as any user's again.

    Its image must be on the control plane: `load`.
    """
    address = network.gateway()
    proxy = Proxy(network.upstream(), address, network.server_context(address))
    proxy.start()
    environment = [
        {"name": name, "value": str(value)} for name, value in zip(ADDRESS, (address, proxy.port), strict=True)
    ]
    try:
        _change({CONTROL_PLANE: ""}, [{"key": CONTROL_PLANE, "operator": "Exists"}], environment)
        yield proxy
    finally:
        _change({CONTROL_PLANE: None}, None, [{"name": name, "$patch": "delete"} for name in ADDRESS])
        proxy.stop()


def load() -> None:
    """Bring the operator's image to the node that stays."""
    subprocess.run([ROOT / "hack/cluster", "load", "--everywhere", "botsession/operator:dev"], check=True)


def kill() -> None:
    """SIGKILL the operator; return when the next one runs."""
    kill_operator()
    is_ready()


def is_ready() -> None:
    """Wait until an operator is ready."""
    done = kubectl("rollout", "status", *DEPLOYMENT, "--timeout=90s", timeout=100)
    assert done.returncode == 0, done.stderr


def finishes(namespace: str) -> Counter[str]:
    """Return what the operator has counted of a namespace since it started: `Reason/Outcome`, how often."""
    found = Counter[str]()
    path = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/{operator_pod()}:8475/proxy/metrics"
    scraped = kubectl("get", "--raw", path)
    assert scraped.returncode == 0, scraped.stderr
    for family in text_string_to_metric_families(scraped.stdout):
        for sample in family.samples:
            if sample.name == "botsession_finished_total" and sample.labels["namespace"] == namespace:
                found[f"{sample.labels['reason']}/{sample.labels['outcome']}"] += int(sample.value)
    return found


def identity() -> tuple[str, int]:
    """Tell one operator from the next: its pod, and how often its container was started again."""
    name = operator_pod()
    pod = json.loads(kubectl("get", "pod", "-n", SYSTEM_NAMESPACE, name, "-o", "json").stdout)
    return name, sum(int(each["restartCount"]) for each in pod["status"].get("containerStatuses", []))


def _change(selector: Json, tolerations: list[Json] | None, environment: list[Json]) -> None:
    """Change where the installed operator runs and what it takes for the API server."""
    pod = {
        "nodeSelector": selector,
        "tolerations": tolerations,
        "containers": [{"name": "operator", "env": environment}],
    }
    done = kubectl("patch", *DEPLOYMENT, "--patch", json.dumps({"spec": {"template": {"spec": pod}}}))
    assert done.returncode == 0, done.stderr
    is_ready()
