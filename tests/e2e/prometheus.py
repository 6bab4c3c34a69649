"""A real Prometheus on the cluster, and what it answers."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.e2e.world import Json, kubectl, port_forward

HERE = Path(__file__).parent

#: A query's result: the values of the labels that were asked for, and the number.
Answer = dict[tuple[str, ...], float]


class Prometheus:
    """One that runs and can be asked."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, query: str, *labels: str) -> Answer:
        """Answer a query as of now."""
        asked = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/query?{asked}", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        return {tuple(each["metric"][label] for label in labels): float(each["value"][1]) for each in found}


@contextmanager
def prometheus(namespace: str) -> Iterator[Prometheus]:
    """Run one in a namespace; take away afterwards what does not go with the namespace."""
    try:
        apply(manifests(namespace))
        ready = kubectl("wait", "--for=condition=Ready", "pod/prometheus", "-n", namespace, "--timeout=55s")
        assert ready.returncode == 0, kubectl("describe", "pod/prometheus", "-n", namespace).stdout
        with port_forward(namespace, "prometheus", 9090) as port:
            yield Prometheus(port)
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", f"{namespace}-prometheus")


def manifests(namespace: str) -> list[Json]:
    """Give all that it consists of."""
    text = (HERE / "prometheus.yaml").read_text().replace("NAMESPACE", namespace)
    config, *others = yaml.safe_load_all(text)
    config["data"]["service_discovery.py"] = (HERE / "service_discovery.py").read_text()
    return [config, *others]


def apply(objects: list[Json]) -> None:
    """Apply objects as a user does."""
    bundle = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    done = kubectl("apply", "-f", "-", stdin=bundle)
    assert done.returncode == 0, done.stderr
