"""Rule: how the events of several processes become the events of one session. Pure.

A conversation may live in several processes at once. It is over when the last of them is: while another one still has
a pipeline, an end is held back. The events of a single process pass unchanged.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from botsession_contract.report import MOST_TASK_NAMES
from botsession_runtime.events import Event
from botsession_runtime.facts import LARGEST_COUNT, Dumpable

#: Events by which a process has no pipeline any more.
ENDS: Final = frozenset({"finished", "over", "crashed"})
#: …and those that are held back while another process has one.
HELD: Final = ENDS | {"serving"}
#: The supervisor's own: a process that had a pipeline is gone.
LOST: Final = "lost"


@dataclass(slots=True)
class Source:
    """One process of the bot, as far as it matters to the others."""

    #: The hook is loaded, and not all that it watches has ended.
    is_live: bool = False
    has_started: bool = False
    has_client: bool = False
    #: The supervisor has heard how far the farewell got there.
    gives_farewell: bool = False
    #: The processor that holds each kind of frame which ends the pipeline.
    held_by: dict[str, str | None] = field(default_factory=dict)
    tasks: int | None = None
    managed: int | None = None
    names: list[str] = field(default_factory=list)
    dumpable: Dumpable | None = None


class Sources:
    """The processes that have said something, by their number."""

    def __init__(self) -> None:
        self._sources: dict[int, Source] = {}
        #: The last end that was held back: what counts where the others never had a pipeline.
        self._held: Event | None = None
        #: Whether the hook has been loaded in any process.
        self.is_hooked = False

    def merge(self, number: int, event: Event) -> Iterator[Event]:
        """Return what an event of one process means for the session: itself, another one, or nothing."""
        self.is_hooked = self.is_hooked or event["event"] == "hooked"
        source = self._sources.setdefault(number, Source())
        others = [each for key, each in self._sources.items() if key != number]
        if event["event"] in HELD | {LOST}:
            yield from self._ended(source, others, event)
            return
        _note(source, event)
        merged = _beside(source, others, event) if others else event
        if merged is not None:
            yield merged

    def is_live(self, number: int) -> bool:
        """Return whether a process has a pipeline, or is about to."""
        return number in self._sources and self._sources[number].is_live

    def dumpables(self) -> list[Dumpable]:
        """Return whose stacks may be asked for: first those of the processes that still have a pipeline."""
        ranked = sorted(self._sources.values(), key=lambda source: not source.is_live)
        return [source.dumpable for source in ranked if source.dumpable]

    def replace(self, earlier: int | None, number: int) -> None:
        """Note that a process goes on under another number: it has become another program."""
        self._sources.pop(-1 if earlier is None else earlier, None)
        self._sources.setdefault(number, Source())

    def forget_dumpable(self, number: int) -> None:
        """Note that a process is gone, or will not answer any more."""
        if number in self._sources:
            self._sources[number].dumpable = None

    def _ended(self, source: Source, others: list[Source], event: Event) -> Iterator[Event]:
        had_started = source.has_started
        if event["event"] in ENDS | {LOST}:
            source.is_live = False
        if any(other.is_live for other in others):
            self._held = event if event["event"] == "finished" else self._held
        elif event["event"] == LOST and not had_started and self._held:
            yield self._held
        else:
            yield event


def _note(source: Source, event: Event) -> None:
    match event["event"]:
        case "hooked":
            source.is_live = True
        case "started":
            source.is_live = source.has_started = True
        case "client":
            source.has_client = True
        case "left":
            source.has_client = False
        case "farewell":
            source.gives_farewell = source.gives_farewell or not event["refused"]
        case "hop":
            source.held_by[event["frame"]] = event["held_by"]
        case "dumpable":
            source.dumpable = Dumpable(event["pid"], event["signal"], event["thread"])
        case "dangling":
            source.tasks = _larger(source.tasks, event["count"])
            source.managed = _larger(source.managed, event["managed"])
            source.names = max(source.names, event["names"], key=len)


def _beside(source: Source, others: list[Source], event: Event) -> Event | None:
    """Return the event as it is to be understood beside what other processes said."""
    match event["event"]:
        case "left" if any(other.has_client for other in others):
            return None
        case "farewell" if event["refused"] and any(other.gives_farewell for other in others):
            return None
        case "hop" if event["held_by"] is None:
            holders = (other.held_by.get(event["frame"]) for other in others if other.is_live)
            return {**event, "held_by": next((holder for holder in holders if holder), None)}
        case "dangling":
            return _all_tasks([source, *others], event)
    return event


def _all_tasks(sources: list[Source], event: Event) -> Event:
    names = [name for source in sources for name in source.names]
    # A process that ran no worker, such as the one that only waits for the other, has no managed tasks.
    is_counted = all(source.tasks is not None for source in sources if source.managed is not None)
    count = _sum(source.tasks for source in sources) if is_counted else None
    managed = _sum(source.managed for source in sources)
    return {**event, "count": count, "managed": managed, "names": names[:MOST_TASK_NAMES]}


def _sum(numbers: Iterator[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return min(sum(known), LARGEST_COUNT) if known else None


def _larger(one: int | None, other: int | None) -> int | None:
    return max((number for number in (one, other) if number is not None), default=None)
