"""Rule: which of several operators a session belongs to, by its namespace alone.

So quotas, refusals and all else that concerns a whole namespace are in one operator's hands. Each operator is told its
index and how many shards there are, and finds out by itself what it owns: they exchange nothing.
"""

import hashlib
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """The part of all namespaces that one operator, with its standbys, works on."""

    index: int = 0
    count: int = 1

    def owns(self, namespace: str) -> bool:
        """Return whether the sessions of a namespace belong to this shard."""
        return self.count == 1 or shard_of(namespace, self.count) == self.index

    def share_of(self, ports: range) -> range:
        """Return the ports of nodes that this shard chooses from. A node may run pods of all shards."""
        return ports[self.index :: self.count]

    def lease_name(self, family: str) -> str:
        """Return the name of this shard's Lease. `family` is the Lease's name where there is one shard only."""
        return family if self.count == 1 else f"{family}-shard-{self.index}-of-{self.count}"

    def is_rival_lease(self, name: str, family: str) -> bool:
        """Return whether a Lease is that of an operator with another number of shards.

        Such an operator divides the namespaces in another way, so the two own some of the same sessions.
        """
        found = re.fullmatch(rf"{re.escape(family)}(?:-shard-\d+-of-(\d+))?", name)
        return found is not None and int(found[1] or 1) != self.count

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def shard_of(namespace: str, count: int) -> int:
    """Return the index of the shard that a namespace belongs to, of so many.

    Each shard draws a number for the namespace, and the highest one wins (rendezvous hashing). So one shard more takes
    namespaces from all others, and moves none between those.
    """
    return max(range(count), key=lambda index: hashlib.sha256(f"{index}/{namespace}".encode()).digest())
