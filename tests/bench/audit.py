"""The API server's audit log, from the kind node that keeps it: who asked for what, and when, to the microsecond."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any, Final

from tests.bench.harness import moment

CLUSTER: Final = os.environ.get("CLUSTER", "botsession")
LOGS: Final = "/var/log/kubernetes/audit*.log"
WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
#: The user that the kubeconfig of kind stands for: the benchmark itself.
OURSELVES: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as far as the policy (hack/audit-policy.yaml) keeps it."""

    verb: str
    resource: str
    name: str
    user: str
    code: int
    received: float
    answered: float

    @property
    def is_write(self) -> bool:
        """Whether it could change something; a refused one costs as much, so it counts."""
        return self.verb in WRITES


def requests(namespace: str) -> list[Request]:
    """Return the requests for sessions, pods and Events of a namespace, in the order of their arrival."""
    command = [
        "docker",
        "exec",
        f"{CLUSTER}-control-plane",
        "sh",
        "-c",
        f'grep -hF \'"namespace":"{namespace}"\' {LOGS}',
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode not in (0, 1):  # 1 is grep's word for: no such line
        raise SystemExit(f"the audit log of the cluster {CLUSTER!r} cannot be read: {found.stderr}")
    read = [_request(json.loads(line)) for line in found.stdout.splitlines()]
    return sorted(read, key=lambda request: request.received)


def operator_requests(namespace: str) -> int:
    """Return how many requests for a namespace the operator has sent; quicker than `requests` for a large crowd."""
    about, by = f'"namespace":"{namespace}"', "system:serviceaccount:botsession-system:"
    script = f"grep -hF '{about}' {LOGS} | grep -cF '\"username\":\"{by}'"
    command = ["docker", "exec", f"{CLUSTER}-control-plane", "sh", "-c", script]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(found.stdout or 0)


def _request(entry: dict[str, Any]) -> Request:
    about = entry["objectRef"]
    return Request(
        verb=entry["verb"],
        resource="/".join(each for each in (about["resource"], about.get("subresource")) if each),
        name=about.get("name", ""),
        user=_short(entry["user"]["username"]),
        code=entry.get("responseStatus", {}).get("code", 0),
        received=moment(entry["requestReceivedTimestamp"]),
        answered=moment(entry["stageTimestamp"]),
    )


def _short(user: str) -> str:
    """Name a user as one speaks of it: who runs a controller matters here, not its account's full path."""
    if user.startswith("system:node:"):
        return "kubelet"
    if user in ("kubernetes-admin", "system:admin"):
        return OURSELVES
    *_, space, name = user.split(":")
    return "operator" if space.startswith("botsession") else name
