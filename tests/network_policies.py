"""Who may reach which port: the semantics of NetworkPolicies, for tests that ask policies without a network."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from tests.manifests import Json


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: a pod, or an address outside the cluster."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = ""
    #: Ports by name, as the pod's containers have them.
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def is_pod(self) -> bool:
        """Whether selectors can find it."""
        return bool(self.namespace)


def reaches(policies: list[Json], source: End, target: End, port: int, protocol: str = "TCP") -> bool:
    """Return whether a connection from `source` gets through to a port of `target`."""
    out = _rules(policies, source, "Egress")
    into = _rules(policies, target, "Ingress")
    return _allows(out, target, target, port, protocol) and _allows(into, source, target, port, protocol)


def _rules(policies: list[Json], end: End, direction: str) -> list[Json] | None:
    """Return the rules for one direction; None where no policy isolates the pod, so that everything gets through."""
    if not end.is_pod:
        return None
    isolating = [policy for policy in policies if _isolates(policy, end, direction)]
    if not isolating:
        return None
    return [rule for policy in isolating for rule in policy["spec"].get(direction.lower()) or ()]


def _isolates(policy: Json, end: End, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    in_place = policy["metadata"].get("namespace", "default") == end.namespace
    return in_place and direction in types and _selects(spec["podSelector"], end.labels)


def _allows(rules: list[Json] | None, peer: End, target: End, port: int, protocol: str) -> bool:
    if rules is None:
        return True
    return any(_is_peer(rule, peer) and _is_port(rule, target, port, protocol) for rule in rules)


def _is_peer(rule: Json, peer: End) -> bool:
    peers = rule.get("from") or rule.get("to")
    return not peers or any(_matches(each, peer) for each in peers)


def _matches(wanted: Json, peer: End) -> bool:
    if block := wanted.get("ipBlock"):
        if not peer.address:
            return False
        inside = [ip_address(peer.address) in ip_network(cidr) for cidr in (block["cidr"], *block.get("except", ()))]
        return inside[0] and not any(inside[1:])
    if not peer.is_pod:
        return False
    # A peer that says nothing of namespaces means the policy's own; the chart never leaves it out.
    place = {"kubernetes.io/metadata.name": peer.namespace}
    return _selects(wanted["namespaceSelector"], place) and _selects(wanted.get("podSelector", {}), peer.labels)


def _selects(selector: Json, labels: dict[str, str]) -> bool:
    exact = selector.get("matchLabels") or {}
    return exact.items() <= labels.items() and all(_holds(selector, labels))


def _holds(selector: Json, labels: dict[str, str]) -> Iterator[bool]:
    for term in selector.get("matchExpressions") or ():
        value = labels.get(term["key"])
        match term["operator"]:
            case "Exists":
                yield value is not None
            case "DoesNotExist":
                yield value is None
            case "In":
                yield value in term["values"]
            case "NotIn":
                yield value not in term["values"]
            case other:
                raise ValueError(other)


def _is_port(rule: Json, target: End, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(_covers(each, target, port, protocol) for each in ports)


def _covers(wanted: Json, target: End, port: int, protocol: str) -> bool:
    if wanted.get("protocol", "TCP") != protocol:
        return False
    if "port" not in wanted:
        return True
    first: int = target.ports.get(wanted["port"], -1) if isinstance(wanted["port"], str) else wanted["port"]
    return first <= port <= int(wanted.get("endPort", first))
