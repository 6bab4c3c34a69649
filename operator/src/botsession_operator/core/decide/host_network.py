"""Rule: which ports a session uses whose pod has its node's network.

Pods with `hostNetwork` share the ports of their node. So each supervisor gets its own port from a range, and so do
callers who come through a Service. The pod's spec declares both ports: the scheduler then keeps two pods with one port
off a node, and the ports cannot change once the pod exists.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from botsession_contract.control import CONTROL_PORT
from botsession_contract.transports import CALL_PORT, LISTENING
from botsession_operator.api.spec import Spec
from botsession_operator.core.observe.observed import Pod
from botsession_operator.core.observe.untyped import mappings

#: Below NodePorts, and below the ports that Linux uses for outgoing connections.
CONTROL_PORTS: Final = range(20000, 30000)


@dataclass(frozen=True, slots=True)
class NodePorts:
    """The ports of its node that a session uses."""

    #: The supervisor's port.
    control: int
    #: The port for callers; None: the port in the spec.
    call: int | None = None


def has_host_network(spec: Spec) -> bool:
    """Return whether a session's pod uses its node's network."""
    return spec.pod_template.spec.value.get("hostNetwork") is True


def has_own_call_port(spec: Spec) -> bool:
    """Return whether the operator chooses the port for callers: the launcher listens, and the spec names no port."""
    listens = spec.bot.transport is not None and spec.bot.transport.launch.type in LISTENING
    return has_host_network(spec) and listens and spec.expose is not None and spec.expose.port == CALL_PORT


def choose_port(uid: str, spec: Spec, ports: range, taken: Collection[int]) -> int:
    """Return a port that no other session uses, and that the session's own containers do not declare.

    If all are in use, return one of them: it may be free on another node.
    """
    first = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8]) % len(ports)
    declared = set(_declared(spec))
    order = (ports[(first + step) % len(ports)] for step in range(len(ports)))
    return next((port for port in order if port not in taken and port not in declared), ports[first])


def port_of(pod: Pod, ports: range) -> int:
    """Return the port of a pod's supervisor. A port on the node counts only if it is in the operator's range."""
    return pod.host_port if pod.host_port in ports and pod.host_port is not None else CONTROL_PORT


def _declared(spec: Spec) -> Iterator[Any]:
    if spec.expose:
        yield spec.expose.port
    if spec.bot.transport:
        yield spec.bot.transport.launch.port
    template = spec.pod_template.spec.value
    for place in ("containers", "initContainers"):
        for container in mappings(template.get(place)):
            for port in mappings(container.get("ports")):
                yield from (port.get("containerPort"), port.get("hostPort"))
