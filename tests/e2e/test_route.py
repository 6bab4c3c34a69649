"""A route into the cluster for each session, as the operator's configuration has it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.calls import called, exposed, listed
from tests.e2e.conftest import HELM, install_operator
from tests.e2e.world import ROOT, SYSTEM_NAMESPACE, World

pytestmark = pytest.mark.cluster

BACKEND: Final = {"service": {"name": "${service}", "port": {"number": "${port}"}}}
PATH: Final = {"path": "/${namespace}/${name}", "pathType": "Prefix", "backend": BACKEND}
ROUTE: Final = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "spec": {"rules": [{"host": "bots.example.test", "http": {"paths": [PATH]}}]},
}
URL: Final = "${scheme}s://bots.example.test/${namespace}/${name}${path}"


@pytest.fixture
def routed(kubeconfig: Path) -> Iterator[None]:
    """Have the installed operator make routes, for the time of a test."""
    values = [f"--set-json=expose.route={json.dumps(ROUTE)}", f"--set-json=expose.url={json.dumps(URL)}"]
    command: list[str | Path] = [HELM, "upgrade", "botsession", ROOT / "charts/botsession-operator", "--reuse-values"]
    place = ["--namespace", SYSTEM_NAMESPACE, "--wait", "--timeout", "3m"]
    upgraded = subprocess.run([*command, *place, *values], capture_output=True, text=True, check=False)
    assert upgraded.returncode == 0, upgraded.stderr
    yield
    install_operator()


@pytest.mark.usefixtures("routed")
def test_session_has_a_route_as_long_as_it_lives(world: World) -> None:
    bot = {"target": "answers.py", "transport": {"type": "websocket"}, "body": {"hangs_up": 0.5}}
    session = exposed(world, "routed", bot)
    (service,), (ingress,) = listed(world, "services"), listed(world, "ingresses")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert session.status["url"] == f"wss://bots.example.test/{world.namespace}/routed/ws"
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"number": 7860}}

    # What a proxy passes on that leaves the path as it is.
    inside = f"ws://{service['metadata']['name']}.{world.namespace}.svc:7860/{world.namespace}/routed/ws"
    assert called(session, inside).startswith("heard")

    assert session.finishes()["reason"] == "Completed"
    assert listed(world, "services") + listed(world, "ingresses") == []
