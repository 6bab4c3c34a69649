"""The installed operators: which of them works, what it says, and how it is killed, stopped and started again.

One operator stands alone with `replicas: 1`; of several, the holder of the Lease works and the others stand by.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from botsession_operator.core.names import LEADER_LABEL
from tests.e2e.operator_lock import must_be_alone
from tests.e2e.world import PATIENCE, SYSTEM_NAMESPACE, Json, kubectl, pod_proxy, wait_until

NAME: Final = "botsession-operator"
#: How kubectl finds the operators, and their pods.
OPERATOR: Final = ("deployment", NAME, "-n", SYSTEM_NAMESPACE)
OPERATOR_PODS: Final = ("-n", SYSTEM_NAMESPACE, "-l", f"app.kubernetes.io/name={NAME}")
LEASE: Final = ("lease", NAME, "-n", SYSTEM_NAMESPACE)
#: Run on a node: sends a signal to the operator's process in a pod, and fails if there is none.
SIGNAL: Final = """
found=1
for process in $(pgrep -f botsession_operator); do
  tr '\\0' '\\n' </proc/$process/environ 2>/dev/null | grep -qx "HOSTNAME=$1" && kill -$0 $process && found=0
done
exit $found
"""


def operator_pod() -> str:
    """Wait until exactly one operator works, and name its pod: of several operators, the leader's."""
    return _the_one(_working, "served by one operator")


def standby() -> str:
    """Wait until one operator leads and exactly one other stands by, and name the pod of the latter."""

    def found() -> list[str]:
        working = _working()
        return [pod for pod in ready_operators() if pod not in working] if working else []

    return _the_one(found, "led by one of two operators")


def ready_operators() -> list[str]:
    """Name the pods of all operators that are ready and not being deleted, also of those that stand by."""
    return [_name(pod) for pod in _ready(_pods())]


def works_from(build: str) -> bool:
    """Return whether an operator works whose pod has this annotation, and none that has another one does."""
    pods = {_name(pod): pod["metadata"].get("annotations", {}) for pod in _pods()}
    return {pods.get(name, {}).get("build") for name in _working()} == {build}


def lease() -> Json:
    """Return what the operators' Lease says."""
    spec: Json = json.loads(kubectl("get", *LEASE, "-o", "json").stdout)["spec"]
    return spec


def restarts(pod: str) -> int:
    """Return how often the operator's container in a pod was started again."""
    path = "jsonpath={.status.containerStatuses[0].restartCount}"
    return int(kubectl("get", "pod", pod, "-n", SYSTEM_NAMESPACE, "-o", path).stdout or 0)


def operator_metrics(pod: str) -> str:
    """Scrape an operator."""
    return pod_proxy(SYSTEM_NAMESPACE, pod, 8475, "metrics")


def operator_log(pod: str) -> list[Json]:
    """Read what an operator has said: each line is JSON, a library's too."""
    lines = kubectl("logs", "-n", SYSTEM_NAMESPACE, pod).stdout.splitlines()
    return [json.loads(line) for line in lines]


def send_signal(name: str, pod: str) -> None:
    """Send a signal to the process of an operator, from its node."""
    must_be_alone()
    node = kubectl("get", "pod", pod, "-n", SYSTEM_NAMESPACE, "-o", "jsonpath={.spec.nodeName}").stdout
    subprocess.run(["docker", "exec", node, "sh", "-c", SIGNAL, name, pod], check=True)


def kill_operator() -> None:
    """SIGKILL the operator that works: no handler of it runs, and it does not release the Lease.

    Its pod is taken away, since the kubelet lets one that dies again and again wait longer each time. A standby takes
    over when the Lease has expired; an operator that stood alone is replaced by its Deployment.
    """
    pod = operator_pod()
    send_signal("KILL", pod)
    kubectl("delete", "pods", "-n", SYSTEM_NAMESPACE, "--force", "--grace-period=0", pod)


def stop_operators() -> None:
    """Have no operator run from now on."""
    must_be_alone()
    kubectl("scale", *OPERATOR, "--replicas=0")
    assert kubectl("wait", "pods", *OPERATOR_PODS, "--for=delete", f"--timeout={PATIENCE}s").returncode == 0


@contextmanager
def operators_away() -> Iterator[None]:
    """SIGKILL all operators, and have none run meanwhile; afterwards as many run as before."""
    _kill_all()
    replicas = kubectl("get", *OPERATOR, "-o", "jsonpath={.spec.replicas}").stdout
    try:
        stop_operators()
        yield
    finally:
        kubectl("scale", *OPERATOR, f"--replicas={replicas}")
        are_rolled_out()


def _kill_all() -> None:
    """SIGKILL the processes of all operators, at once on each node: what sessions are in the midst of must not end."""
    must_be_alone()
    for node in {pod["spec"]["nodeName"] for pod in _pods()}:
        subprocess.run(["docker", "exec", node, "pkill", "-KILL", "-f", "botsession_operator"], check=True)


def are_rolled_out() -> None:
    """Wait until the Deployment has all its operators, and one of them works."""
    rolled_out = kubectl("rollout", "status", *OPERATOR, f"--timeout={PATIENCE}s")
    assert rolled_out.returncode == 0, rolled_out.stderr
    operator_pod()


def _the_one(look: Callable[[], list[str]], what: str) -> str:
    """Wait until a look finds exactly one pod, and return its name."""
    found: list[str] = []

    def is_one() -> bool:
        found[:] = look()
        return len(found) == 1

    wait_until(is_one, PATIENCE, what)
    return found[0]


def _working() -> list[str]:
    """Name the pods of operators that work: that hold a Lease and are labelled for the Service, or need no Lease.

    With several shards one operator of each works, and holds the Lease of its shard.
    """
    holders = kubectl("get", "leases", "-n", SYSTEM_NAMESPACE, "-o", "jsonpath={.items[*].spec.holderIdentity}").stdout
    pods = _ready(_pods())
    leaders = [_name(pod) for pod in pods if _name(pod) in holders.split() and _is_labelled(pod)]
    return [_name(pod) for pod in pods if not _needs_lease(pod)] + leaders


def _pods() -> list[Json]:
    listed = kubectl("get", "pods", *OPERATOR_PODS, "--field-selector", "status.phase=Running", "-o", "json").stdout
    items: list[Json] = json.loads(listed)["items"]
    return items


def _ready(pods: list[Json]) -> list[Json]:
    return [pod for pod in pods if _is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]


def _is_ready(pod: Json) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def _needs_lease(pod: Json) -> bool:
    (container,) = pod["spec"]["containers"]
    return any(each["name"] == "BOTSESSION_LEASE" for each in container["env"])


def _is_labelled(pod: Json) -> bool:
    return bool(_needs_lease(pod) and pod["metadata"]["labels"].get(LEADER_LABEL) == "true")


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])
