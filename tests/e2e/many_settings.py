"""Settings of the chart that do not disturb each other: one operator has them all."""

import json
from typing import Final

from tests.e2e.release import have_operator

_BACKEND: Final = {"service": {"name": "${service}", "port": {"number": "${port}"}}}
_PATH: Final = {"path": "/${namespace}/${name}", "pathType": "Prefix", "backend": _BACKEND}
_ROUTE: Final = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "spec": {"rules": [{"host": "bots.example.test", "http": {"paths": [_PATH]}}]},
}
_URL: Final = "${scheme}s://bots.example.test/${namespace}/${name}${path}"


def have_operator_with_many_settings(fenced: str) -> None:
    """Have the operator copy the runtime into pods, make routes, and use one port of a node.

    The chart makes its NetworkPolicies for the namespace `fenced` too. Without an engine nothing enforces them.
    """
    have_operator(
        "--set=runtime.injection=InitContainer",
        f"--set-json=expose.route={json.dumps(_ROUTE)}",
        f"--set-json=expose.url={json.dumps(_URL)}",
        "--set=hostNetwork.controlPorts=20000-20000",
        f"--set-json=networkPolicy.namespaces={json.dumps([fenced])}",
    )
