"""Rule: which ports a session has whose pod has its node's network.

There all pods of a node share the ports, so each supervisor gets one of its own, out of a range, and so do callers who
come by a Service. They are in the pod's spec: the scheduler keeps two pods with one port off a node, and nobody can
change them once the pod exists.
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

#: Below NodePorts and below what Linux gives to outgoing connections.
CONTROL_PORTS: Final = range(20000, 30000)


@dataclass(frozen=True, slots=True)
class NodePorts:
    """The ports of its node that a session is given."""

    #: Its supervisor's.
    control: int
    #: Its callers'; None: they use the one that the spec says.
    call: int | None = None


def has_host_network(spec: Spec) -> bool:
    """Return whether a session's pod has the network of its node."""
    return spec.pod_template.spec.get("hostNetwork") is True


def has_own_call_port(spec: Spec) -> bool:
    """Return whether callers come to a port that nobody named, by a Service: where the launcher listens for them."""
    listens = spec.bot.transport is not None and spec.bot.transport.launch.type in LISTENING
    return has_host_network(spec) and listens and spec.expose is not None and spec.expose.port == CALL_PORT


def choose_port(uid: str, spec: Spec, ports: range, taken: Collection[int]) -> int:
    """Return a port that no other session has, and the session's own containers do not declare.

    Where all are taken, it is one of them: on another node it may be free.
    """
    first = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8]) % len(ports)
    declared = set(_declared(spec))
    order = (ports[(first + step) % len(ports)] for step in range(len(ports)))
    return next((port for port in order if port not in taken and port not in declared), ports[first])


def port_of(pod: Pod, ports: range) -> int:
    """Return where to ask a pod's supervisor: on a node only within the range, whatever the pod's spec says."""
    return pod.host_port if pod.host_port in ports and pod.host_port is not None else CONTROL_PORT


def _declared(spec: Spec) -> Iterator[Any]:
    if spec.expose:
        yield spec.expose.port
    if spec.bot.transport:
        yield spec.bot.transport.launch.port
    for place in ("containers", "initContainers"):
        for container in mappings(spec.pod_template.spec.get(place)):
            for port in mappings(container.get("ports")):
                yield from (port.get("containerPort"), port.get("hostPort"))
