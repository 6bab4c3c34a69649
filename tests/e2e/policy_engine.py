"""NetworkPolicies that are enforced: by kind's own network agent where the nodes have it, else by the same engine.

The nodes of hack/kind-node have no agent. There the engine runs as a process on each node while a test wants it. Its
own rules need nftables' queue, which not every kernel has; a rule of iptables hands it the same packets.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from tests.e2e.world import ROOT, kubectl

ENGINE: Final = "kube-network-policies"
PLACE: Final = f"/usr/local/bin/{ENGINE}"
IDENTITY: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
API_SERVER: Final = "botsession-control-plane"
#: The first packet of each connection that is forwarded, as the engine judges it; without an engine it gets through.
RULE: Final = "FORWARD -m conntrack --ctstate NEW -j NFQUEUE --queue-num 100 --queue-bypass"


@contextmanager
def enforced() -> Iterator[None]:
    """Have NetworkPolicies enforced meanwhile."""
    if kubectl("get", "daemonset", "kindnet", "-n", "kube-system").returncode == 0:
        yield
        return
    got = subprocess.run([ROOT / "hack/tools", ENGINE], capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stderr
    with ExitStack() as stack:
        token = stack.enter_context(_account())
        for node in _nodes():
            stack.enter_context(_engine(node, token))
        yield


def _nodes() -> list[str]:
    listed = kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")
    return listed.stdout.split()


@contextmanager
def _account() -> Iterator[str]:
    """Return a token with which policies, namespaces and pods can be watched."""
    names = ("pods,namespaces,networkpolicies.networking.k8s.io", "list,watch")
    account = f"--serviceaccount=kube-system:{ENGINE}"
    try:
        kubectl("create", "serviceaccount", ENGINE, "-n", "kube-system")
        kubectl("create", "clusterrole", ENGINE, f"--resource={names[0]}", f"--verb={names[1]}")
        kubectl("create", "clusterrolebinding", ENGINE, f"--clusterrole={ENGINE}", account)
        made = kubectl("create", "token", ENGINE, "-n", "kube-system", "--duration=1h")
        assert made.returncode == 0, made.stderr
        yield made.stdout.strip()
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", ENGINE)
        kubectl("delete", "serviceaccount", ENGINE, "-n", "kube-system")


@contextmanager
def _engine(node: str, token: str) -> Iterator[None]:
    """Run the engine on a node."""
    copied = ["docker", "cp", str(ROOT / ".tools/bin" / ENGINE), f"{node}:{PLACE}"]
    subprocess.run(copied, capture_output=True, check=True)
    _run(node, f"mkdir -p {IDENTITY}; cp /etc/kubernetes/pki/ca.crt {IDENTITY}; printf %s {token} >{IDENTITY}/token")
    server = f"KUBERNETES_SERVICE_HOST={API_SERVER} KUBERNETES_SERVICE_PORT=6443"
    options = f"--hostname-override={node} --nfqueue-id=100 --metrics-bind-address=127.0.0.1:0 --disable-nri"
    try:
        _run(node, f"{server} nohup {PLACE} {options} >/var/log/{ENGINE}.log 2>&1 & echo $! >/run/{ENGINE}.pid")
        _run(node, f"iptables -t mangle -I {RULE}")
        yield
    finally:
        _run(node, f"iptables -t mangle -D {RULE}; kill -INT $(cat /run/{ENGINE}.pid); rm -rf {IDENTITY} {PLACE}")


def _run(node: str, command: str) -> None:
    done = subprocess.run(["docker", "exec", node, "sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{node}: {command}\n{done.stderr}"
