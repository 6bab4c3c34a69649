"""A real Prometheus on the cluster, and what it answers."""

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.e2e.world import PATIENCE, Json, kubectl, pod_proxy

HERE = Path(__file__).parent

#: A query's result: the values of the labels that were asked for, and the number.
Answer = dict[tuple[str, ...], float]


class Prometheus:
    """One that runs and can be asked."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def ask(self, query: str, *labels: str) -> Answer:
        """Answer a query as of now."""
        asked = urllib.parse.urlencode({"query": query})
        answer = pod_proxy(self._namespace, "prometheus", 9090, f"api/v1/query?{asked}")
        found = json.loads(answer)["data"]["result"]
        return {tuple(each["metric"][label] for label in labels): float(each["value"][1]) for each in found}


@contextmanager
def prometheus(namespace: str) -> Iterator[Prometheus]:
    """Run one in a namespace; take away afterwards what does not go with the namespace."""
    try:
        apply(manifests(namespace))
        ready = kubectl("wait", "--for=condition=Ready", "pod/prometheus", "-n", namespace, f"--timeout={PATIENCE}s")
        assert ready.returncode == 0, kubectl("describe", "pod/prometheus", "-n", namespace).stdout
        yield Prometheus(namespace)
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", f"{namespace}-prometheus")


def manifests(namespace: str) -> list[Json]:
    """Return all that it consists of."""
    text = (HERE / "prometheus.yaml").read_text().replace("NAMESPACE", namespace)
    config, *others = yaml.safe_load_all(text)
    config["data"]["service_discovery.py"] = (HERE / "service_discovery.py").read_text()
    return [config, *others]


def apply(objects: list[Json]) -> None:
    """Apply objects as a user does."""
    bundle = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    done = kubectl("apply", "-f", "-", stdin=bundle)
    assert done.returncode == 0, done.stderr
