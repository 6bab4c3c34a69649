"""Rule: how the events of several processes become the events of one session. Pure.

A conversation may live in several processes at once, and its facts follow the pipelines of all of them. What is said of
a whole process (its runner is over, it crashed) is held back while another one still has a pipeline. The events of a
single process pass unchanged, but for the numbers of its pipelines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from botsession_contract.report import MAX_TASK_NAMES
from botsession_runtime.events import Event
from botsession_runtime.reducers import larger
from botsession_runtime.session_state import LARGEST_COUNT

#: Events that are held back while another process has a pipeline.
DEFERRED_EVENTS: Final = frozenset({"over", "crashed", "quit", "serving"})
#: Those of them that tell why the first process went.
CRASHES: Final = frozenset({"crashed", "quit"})
#: The number of the process that the supervisor started: with it the session ends.
FIRST: Final = 0
#: The supervisor's own: a process that had a pipeline is gone, and the last that had one is.
GONE: Final = "gone"
LOST: Final = "lost"
#: The members by which processes number their pipelines and runners, and how many numbers each process has here.
NUMBERS: Final = ("root", "runner")
MAX_NUMBERS: Final = 1 << 20
#: Pipelines of one process that are followed.
MAX_PIPELINES: Final = 64


@dataclass(frozen=True, slots=True)
class Dumpable:
    """The process that answers a signal with its stacks."""

    pid: int
    signal: int
    #: The thread that runs the event loop.
    thread: int


@dataclass(slots=True)
class Source:
    """One process of the bot, as far as it matters to the others."""

    #: The hook is loaded, and its runner is not over.
    is_hooked: bool = False
    #: Its pipelines that have been set up and have not finished, by their numbers in the session.
    live: set[int] = field(default_factory=set)
    has_finished: bool = False
    #: It has crashed, or left by sys.exit(), before its pipelines had finished: these.
    crashed_roots: frozenset[int] | None = None
    has_client: bool = False
    #: The supervisor has heard how far the farewell got there.
    gives_farewell: bool = False
    turns: dict[str, int] = field(default_factory=dict)
    tasks: int | None = None
    managed: int | None = None
    names: list[str] = field(default_factory=list)
    dumpable: Dumpable | None = None

    @property
    def is_live(self) -> bool:
        """Whether it has a pipeline, or is about to."""
        return self.is_hooked and bool(self.live or not self.has_finished)


class Sources:
    """The processes that have said something, by their number."""

    def __init__(self) -> None:
        self._sources: dict[int, Source] = {}
        #: Whether the hook has been loaded in any process.
        self.is_hooked = False
        #: The crash of the first process, which was held back.
        self._crash: Event | None = None

    def merge(self, number: int, event: Event) -> Iterator[Event]:
        """Return what an event of one process means for the session: itself, another one, or nothing."""
        event = _numbered(number, event)
        self.is_hooked = self.is_hooked or event["event"] == "hooked"
        source = self._sources.setdefault(number, Source())
        others = [each for key, each in self._sources.items() if key != number]
        _update_pipelines(source, event)
        _update_counts(source, event)
        if event["event"] in DEFERRED_EVENTS and any(other.is_live for other in others):
            if number == FIRST and event["event"] in CRASHES:
                self._crash = event
            return
        merged = _merged_with_others(source, others, event) if others else event
        if merged is not None:
            yield merged

    def lost(self, number: int, at: float) -> Event | None:
        """Return the event for a process that is gone; None if it had no pipeline any more."""
        source = self._sources.get(number)
        if source is None or not (source.is_live or source.crashed_roots is not None):
            return None
        roots = sorted(source.live | (source.crashed_roots or frozenset()))
        source.is_hooked, source.crashed_roots = False, None
        others = any(each.is_live for each in self._sources.values())
        return {"event": GONE if others else LOST, "at": at, "roots": roots}

    def deferred_crash(self) -> Iterator[Event]:
        """Return the deferred crash of the first process, if its exit ends pipelines that had not finished.

        Before its exit the crash ends nothing: as with `multiprocessing`, it may have waited for its children.
        """
        if self._crash and any(source.is_live for source in self._sources.values()):
            yield self._crash

    def dumpables(self) -> list[Dumpable]:
        """Return the processes that can dump their stacks, those that still have a pipeline first."""
        ranked = sorted(self._sources.values(), key=lambda source: not source.is_live)
        return [source.dumpable for source in ranked if source.dumpable]

    def forget_dumpable(self, number: int) -> None:
        """Note that a process is gone, or will not answer any more."""
        if number in self._sources:
            self._sources[number].dumpable = None


def _numbered(number: int, event: Event) -> Event:
    """Return an event in which a pipeline has a number that no other process uses."""
    numbers: dict[str, Any] = {name: event[name] for name in NUMBERS if event.get(name) is not None}
    return {**event, **{name: number * MAX_NUMBERS + min(value, MAX_NUMBERS - 1) for name, value in numbers.items()}}


def _update_pipelines(source: Source, event: Event) -> None:
    """Note whether a process has a pipeline."""
    root = event.get("root") or 0
    match event["event"]:
        case "hooked":
            source.is_hooked = True
        case "setup" | "started":
            source.is_hooked = True
            if len(source.live) < MAX_PIPELINES:
                source.live.add(root)
        case "finished":
            source.live.discard(root)
            source.has_finished = True
        case "crashed" | "quit":
            source.crashed_roots = frozenset(source.live) if source.is_live else None
            source.is_hooked = False
            source.live.clear()
        case "over":
            source.is_hooked = False
            source.live.clear()


def _update_counts(source: Source, event: Event) -> None:
    match event["event"]:
        case "client":
            source.has_client = True
        case "left":
            source.has_client = False
        case "farewell":
            source.gives_farewell = source.gives_farewell or not event["refused"]
        case "turns":
            source.turns = {"bot": event["bot"], "caller": event["caller"]}
        case "dumpable":
            source.dumpable = Dumpable(event["pid"], event["signal"], event["thread"])
        case "dangling":
            source.tasks = larger(source.tasks, event["count"])
            source.managed = larger(source.managed, event["managed"])
            source.names = max(source.names, event["names"], key=len)


def _merged_with_others(source: Source, others: list[Source], event: Event) -> Event | None:
    """Return the event as it is to be understood beside what other processes said."""
    match event["event"]:
        case "left" if any(other.has_client for other in others):
            return None
        case "farewell" if event["refused"] and any(other.gives_farewell for other in others):
            return None
        case "turns":
            sums = {side: sum(each.turns.get(side, 0) for each in (source, *others)) for side in ("bot", "caller")}
            return {**event, **{side: min(count, LARGEST_COUNT) for side, count in sums.items()}}
        case "dangling":
            return _all_tasks([source, *others], event)
    return event


def _all_tasks(sources: list[Source], event: Event) -> Event:
    names = [name for source in sources for name in source.names]
    # A process that ran no worker, such as the one that only waits for the other, has no managed tasks.
    is_counted = all(source.tasks is not None for source in sources if source.managed is not None)
    count = _sum(source.tasks for source in sources) if is_counted else None
    managed = _sum(source.managed for source in sources)
    return {**event, "count": count, "managed": managed, "names": names[:MAX_TASK_NAMES]}


def _sum(numbers: Iterator[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return min(sum(known), LARGEST_COUNT) if known else None
