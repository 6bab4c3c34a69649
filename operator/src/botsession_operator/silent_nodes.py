"""Conclude from several silent pods that their node is out of reach, so that one pod is asked instead of all."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

#: A node is silent after this many of its pods were, with no answer in between. One or two may just be starting.
SILENT_PODS: Final = 3


@dataclass(eq=False, slots=True)
class Node(Generic[T]):
    """A node, and the pods on it that are polled."""

    name: str
    pods: dict[T, None] = field(default_factory=dict)
    #: Pods that have not answered since any pod of the node last answered.
    silent_pods: set[T] = field(default_factory=set)
    #: The pod that is asked on behalf of the node, and whether a request to it is in flight.
    prober: T | None = None
    is_probed: bool = False
    probes: int = 0
    next_probe_at: float = 0.0

    @property
    def is_silent(self) -> bool:
        """Return whether the node counts as out of reach."""
        return len(self.silent_pods) >= SILENT_PODS

    def may_probe(self, now: float) -> bool:
        """Return whether a pod may be asked on behalf of the node."""
        return not self.is_probed and now >= self.next_probe_at

    def begin_probe(self, pod: T, next_at: float) -> None:
        """Record which pod is asked on behalf of the node, and when the next one may be."""
        self.prober, self.is_probed, self.next_probe_at = pod, True, next_at
        self.probes += 1

    def end_probe(self, pod: T) -> None:
        """Record that a request to a pod has ended."""
        if self.prober == pod:
            self.is_probed = False

    def note_silence(self, pod: T) -> bool:
        """Record that a pod was silent; return whether that makes the node silent."""
        was_silent = self.is_silent
        self.silent_pods.add(pod)
        return self.is_silent and not was_silent

    def note_answer(self) -> bool:
        """Record that a pod answered; return whether the node had been silent."""
        was_silent = self.is_silent
        self.silent_pods.clear()
        self.prober, self.probes, self.next_probe_at = None, 0, 0.0
        return was_silent


class SilentNodes(Generic[T]):
    """The nodes of all pods that are polled. A node is removed with its last pod."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node[T]] = {}

    def __iter__(self) -> Iterator[Node[T]]:
        """Yield the nodes that are silent. Other threads may call this."""
        return iter([node for node in tuple(self._nodes.values()) if node.is_silent])

    def __len__(self) -> int:
        """Return how many nodes are known."""
        return len(self._nodes)

    def get_or_create(self, name: str) -> Node[T]:
        """Return the node of this name; create it if it is new."""
        return self._nodes.setdefault(name, Node(name))

    def remove(self, pod: T, node: Node[T]) -> None:
        """Remove a pod from its node."""
        node.pods.pop(pod, None)
        node.silent_pods.discard(pod)
        if node.prober == pod:
            node.prober, node.is_probed = None, False
        if not node.pods:
            self._nodes.pop(node.name, None)
