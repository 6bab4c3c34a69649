"""A queue that is fair between priorities and namespaces.

The queue hands out items for a number of slots, such as the workers of the work queue.

* A higher priority goes first. Each lower priority still gets a share of the turns, so it never starves.
* Within a priority the namespaces take turns: a thousand items of one namespace delay another's first item by one turn.
* One namespace holds at most three quarters of the slots, however slow its items are.
* A priority may have a maximum number of slots, for items that are known to be slow.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Generic, Self, TypeVar

T = TypeVar("T", bound=Hashable)


class Priority(IntEnum):
    """How urgent an item is; the smallest goes first."""

    sentence: str

    def __new__(cls, rank: int, sentence: str = "") -> Self:
        """Return a member with its sentence for the docs."""
        member = int.__new__(cls, rank)
        member._value_ = rank
        member.sentence = sentence
        return member

    HIGH = 0, "A user waits: a session is new, was edited or is being deleted, or a supervisor is expected to answer."
    NORMAL = 1, "Something has happened, a time has come, or a silent supervisor has to end its session."
    LOW = 2, "A quiet system would not miss it: a pass after a poke, or a silent supervisor."

    @property
    def label(self) -> str:
        """Return the value of the label `priority`."""
        return self.name.lower()


_HIGH_FIRST: Final = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
_NORMAL_FIRST: Final = (Priority.NORMAL, Priority.HIGH, Priority.LOW)
_LOW_FIRST: Final = (Priority.LOW, Priority.NORMAL, Priority.HIGH)
#: Of eight turns, one begins with each of the lower priorities.
TURNS: Final = (*[_HIGH_FIRST] * 3, _NORMAL_FIRST, *[_HIGH_FIRST] * 3, _LOW_FIRST)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a waiting item is in the queue."""

    namespace: str
    priority: Priority


class FairQueue(Generic[T]):
    """Items that wait for a slot, and items that have one. An item with a slot may wait for another one."""

    def __init__(self, slots: int, ceilings: Mapping[Priority, int] | None = None) -> None:
        self._slots = slots
        #: A quarter of the slots stays free for other namespaces.
        self._most_per_namespace = slots - slots // 4
        self._ceilings = dict.fromkeys(Priority, slots) | dict(ceilings or {})
        self._positions: dict[T, Position] = {}
        #: For each priority, the namespaces in the order of their turns, each with its items in the order of arrival.
        self._waiting: dict[Priority, dict[str, dict[T, None]]] = {priority: {} for priority in Priority}
        self._held: dict[T, Position] = {}
        self._held_by: Counter[str | Priority] = Counter()
        self._turn = 0

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._positions)

    def __contains__(self, item: T) -> bool:
        """Return whether an item waits."""
        return item in self._positions

    @property
    def slots_in_use(self) -> int:
        """Return how many slots are taken."""
        return len(self._held)

    def depths(self) -> dict[Priority, int]:
        """Return how many items wait, by priority. Other threads may call this."""
        waiting = Counter(position.priority for position in tuple(self._positions.values()))
        return {priority: waiting[priority] for priority in Priority}

    def put(self, item: T, namespace: str, priority: Priority) -> None:
        """Add an item. If it waits already, it keeps its position, or moves to the higher priority."""
        current = self._positions.get(item)
        if current and current.priority <= priority:
            return
        self.discard(item)
        self._positions[item] = Position(namespace, priority)
        self._waiting[priority].setdefault(namespace, {})[item] = None

    def discard(self, item: T) -> None:
        """Remove a waiting item."""
        position = self._positions.pop(item, None)
        if position is None:
            return
        namespaces = self._waiting[position.priority]
        del namespaces[position.namespace][item]
        if not namespaces[position.namespace]:
            del namespaces[position.namespace]

    def take(self) -> T | None:
        """Assign a slot to the item whose turn it is, and return it; None while no waiting item may have a slot."""
        if len(self._held) >= self._slots:
            return None
        item = next(self._eligible(), None)
        if item is None:
            return None
        self._turn = (self._turn + 1) % len(TURNS)
        self._occupy(item)
        return item

    def done(self, item: T) -> None:
        """Free the slot of an item."""
        position = self._held.pop(item)
        for holder in (position.namespace, position.priority):
            self._held_by[holder] -= 1
            if not self._held_by[holder]:
                del self._held_by[holder]

    def _eligible(self) -> Iterator[T]:
        """Yield the next item of each priority that may have a slot, in the order of this turn."""
        for priority in TURNS[self._turn]:
            if self._held_by[priority] >= self._ceilings[priority]:
                continue
            for namespace, items in self._waiting[priority].items():
                free = next((item for item in items if item not in self._held), None)
                if free is not None and self._held_by[namespace] < self._most_per_namespace:
                    yield free
                    break

    def _occupy(self, item: T) -> None:
        position = self._positions[item]
        self.discard(item)
        namespaces = self._waiting[position.priority]
        if position.namespace in namespaces:  # the namespace's next turn comes after all others
            namespaces[position.namespace] = namespaces.pop(position.namespace)
        self._held[item] = position
        self._held_by.update((position.namespace, position.priority))
