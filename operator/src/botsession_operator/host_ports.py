"""Which ports of nodes the sessions with `hostNetwork` have, as far as this operator knows."""

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
    """Ports in use, by session. Kept in memory: the truth is in the pods, which each pass reads.

    An operator that has just started may not have seen them all; then the scheduler keeps equal ones apart.
    """

    #: Empty: sessions are given none, where there are no nodes.
    ports: range = CONTROL_PORTS
    _taken: dict[Key, NodePorts] = field(default_factory=dict)

    def choose(self, session: Session) -> NodePorts | None:
        """Return ports for the session's pod, which nobody else is then given; None where it needs none."""
        if not self.ports or not has_host_network(session.spec):
            return None
        if session.key not in self._taken:
            self._taken[session.key] = self._free(session)
        return self._taken[session.key]

    def note(self, key: Key, pod: Pod | None) -> None:
        """Keep the ports of a pod that runs, or will; free those of one that is over."""
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
