"""Which ports the supervisors of sessions with `hostNetwork` have, as far as this operator knows."""

from dataclasses import dataclass, field

from botsession_operator.core.host_network import CONTROL_PORTS, choose_port, has_host_network
from botsession_operator.core.observe import Key, Pod, PodState, Session


@dataclass(slots=True)
class HostPorts:
    """Ports in use, by session. Kept in memory: the truth is in the pods, which each pass reads.

    An operator that has just started may not have seen them all; then the scheduler keeps equal ones apart.
    """

    ports: range = CONTROL_PORTS
    _taken: dict[Key, int] = field(default_factory=dict)

    def choose(self, session: Session) -> int | None:
        """Return a port for the session's pod, which nobody else is then given; None where it needs none."""
        if not has_host_network(session.spec):
            return None
        if session.key not in self._taken:
            others = frozenset(self._taken.values())
            self._taken[session.key] = choose_port(session.uid, session.spec, self.ports, others)
        return self._taken[session.key]

    def note(self, key: Key, pod: Pod | None) -> None:
        """Keep the port of a pod that runs, or will; free that of one that is over."""
        if pod is None or pod.host_port is None:
            return
        if pod.state is PodState.TERMINATED:
            self.forget(key)
        else:
            self._taken[key] = pod.host_port

    def forget(self, key: Key) -> None:
        """Free the port of a session that is gone."""
        self._taken.pop(key, None)
