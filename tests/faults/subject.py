"""The operator under test: installed by its chart, with the proxy for an API server."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.operators import (
    OPERATOR,
    are_rolled_out,
    kill_operator,
    operator_metrics,
    ready_operators,
    restarts,
)
from tests.e2e.world import ROOT, Json, kubectl
from tests.faults import network
from tests.faults.proxy import Proxy

_CONTROL_PLANE: Final = "node-role.kubernetes.io/control-plane"
#: Where the operator runs while the worker breaks. Its image must be there: `load`.
ON_CONTROL_PLANE: Final[Json] = {
    "nodeSelector": {_CONTROL_PLANE: ""},
    "tolerations": [{"key": _CONTROL_PLANE, "operator": "Exists"}],
}
#: Where it runs as it is installed.
ON_WORKER: Final[Json] = {"nodeSelector": {_CONTROL_PLANE: None}, "tolerations": None}
#: What a pod is told of the API server, unless its container's own environment says otherwise.
ADDRESS: Final = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")


@contextmanager
def subject(place: Json = ON_CONTROL_PLANE) -> Iterator[Proxy]:
    """Give the proxy that the installed operator talks through; afterwards the operator is as any user's again."""
    address = network.gateway()
    proxy = Proxy(network.upstream(), address, network.server_context(address))
    proxy.start()
    environment = [
        {"name": name, "value": str(value)} for name, value in zip(ADDRESS, (address, proxy.port), strict=True)
    ]
    try:
        _change(place, environment)
        yield proxy
    finally:
        _change(ON_WORKER, [{"name": name, "$patch": "delete"} for name in ADDRESS])
        proxy.stop()


def load() -> None:
    """Bring the operator's image to the node that stays."""
    subprocess.run([ROOT / "hack/cluster", "load", "--everywhere", "botsession/operator:dev"], check=True)


def kill() -> None:
    """SIGKILL the operator that works; return when another one works, and all are there."""
    kill_operator()
    are_rolled_out()


def finishes(namespace: str) -> Counter[str]:
    """Return what all operators have counted of a namespace since they started: `Reason/Outcome`, how often."""
    found = Counter[str]()
    families = (each for pod in ready_operators() for each in text_string_to_metric_families(operator_metrics(pod)))
    for family in families:
        for sample in family.samples:
            if sample.name == "botsession_finished_total" and sample.labels["namespace"] == namespace:
                found[f"{sample.labels['reason']}/{sample.labels['outcome']}"] += int(sample.value)
    return found


def identity() -> dict[str, int]:
    """Tell these operators from the next: their pods, and how often the container of each was started again."""
    return {pod: restarts(pod) for pod in ready_operators()}


def _change(place: Json, environment: list[Json]) -> None:
    """Change where the installed operator runs and what it takes for the API server."""
    pod = {**place, "containers": [{"name": "operator", "env": environment}]}
    done = kubectl("patch", *OPERATOR, "--patch", json.dumps({"spec": {"template": {"spec": pod}}}))
    assert done.returncode == 0, done.stderr
    are_rolled_out()
