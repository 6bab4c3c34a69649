"""The ports of nodes that sessions with `hostNetwork` use, as far as this operator knows."""

from dataclasses import dataclass, field

from botsession_operator.core.decide.host_network import (
    CONTROL_PORTS,
    NodePorts,
    choose_port,
    has_host_network,
    has_own_call_port,
)
from botsession_operator.core.observe.observed import Key, Pod, PodState, Session


@dataclass(slots=True)
class HostPorts:
    """Ports in use, by session, from the pods that each pass reads.

    An operator that has just started has not seen all pods, and may choose a port that is in use. The scheduler then
    places the pod on another node.
    """

    #: Empty in the local backend, which has no nodes.
    ports: range = CONTROL_PORTS
    _taken: dict[Key, NodePorts] = field(default_factory=dict)

    def choose(self, session: Session) -> NodePorts | None:
        """Reserve and return ports for the session's pod; return None where it needs none."""
        if not self.ports or not has_host_network(session.spec):
            return None
        if session.key not in self._taken:
            self._taken[session.key] = self._free(session)
        return self._taken[session.key]

    def note(self, key: Key, pod: Pod | None) -> None:
        """Reserve the ports of a pod that is not over; free those of one that is."""
        if pod is None or pod.host_port is None:
            return
        if pod.state is PodState.TERMINATED:
            self.forget(key)
        else:
            self._taken[key] = NodePorts(pod.host_port, pod.call_port)

    def forget(self, key: Key) -> None:
        """Free the ports of a session that is gone."""
        self._taken.pop(key, None)

    def _free(self, session: Session) -> NodePorts:
        taken = {port for each in self._taken.values() for port in (each.control, each.call) if port is not None}
        control = choose_port(session.uid, session.spec, self.ports, taken)
        if not has_own_call_port(session.spec):
            return NodePorts(control)
        return NodePorts(control, choose_port(f"call {session.uid}", session.spec, self.ports, taken | {control}))
