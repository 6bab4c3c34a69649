"""A window: sessions in all the moments that one cause strikes at once, played together, each judged alone.

Cells that disturb each other are never in one window: a cause that strikes single sessions shares one with others of
its kind, and a cause that strikes the cluster has its own.
"""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Final

from tests.e2e.world import World, kubectl, make_namespace, wait_until
from tests.faults import invariants, subject
from tests.faults.causes import struck
from tests.faults.cell import Played
from tests.faults.proxy import Proxy
from tests.faults.table import Cell

#: Sessions of one window: each is half a processor second and more to start.
TOGETHER: Final = 7
#: How often a cell is tried whose session had left its moment when the fault struck.
TRIES: Final = 3
#: From the finish until the pod is gone. A kubelet that was away itself needs a while to let go.
CLEAN_SECONDS: Final = 60.0


@dataclass(slots=True)
class Row:
    """What came of one cell."""

    cause: str
    moment: str
    ending: str = ""
    reported_by: str = ""
    #: Seconds from the strike until the finish was in the status; None: it was there already.
    finished: float | None = None
    #: Seconds from the strike until no pod and no finalizer were left.
    clean: float | None = None
    #: What does not hold, in sentences; empty when all is well.
    wrong: tuple[str, ...] = ()
    missed: bool = False
    #: Whether the operator's container had to be started again, though nobody had killed it.
    operator_restarted: bool = False


def windows(cells: Sequence[Cell]) -> Iterator[tuple[Cell, ...]]:
    """Put cells together that do not disturb each other."""
    alone = [cell for cell in cells if cell.cause.strikes == "cluster"]
    shared = [cell for cell in cells if cell.cause.strikes == "session"]
    for _, group in itertools.groupby(alone, lambda cell: cell.cause.name):
        yield tuple(group)
    for start in range(0, len(shared), TOGETHER):
        yield tuple(shared[start : start + TOGETHER])


def play(cells: Sequence[Cell], proxy: Proxy, say: Callable[[Row], None] = lambda row: None) -> list[Row]:
    """Play the cells of one window until each has struck its moment; give a row for each."""
    rows: dict[str, Row] = {}
    waiting = list(cells)
    for _ in range(TRIES):
        try:
            played = _play_once(waiting, proxy)
        except AssertionError as exc:  # a session did not come to its moment
            played = [Row(cell.cause.name, cell.moment.name, wrong=(str(exc),), missed=True) for cell in waiting]
        rows |= {f"{row.cause}-{row.moment}": row for row in played}
        waiting = [cell for cell in waiting if rows[cell.name].missed]
        if not waiting:
            break
    for row in rows.values():
        say(row)
    return [rows[cell.name] for cell in cells]


def as_json(row: Row) -> dict[str, object]:
    """Return what is kept of a row."""
    kept = {**asdict(row), "wrong": list(row.wrong)}
    return {key: value for key, value in kept.items() if key != "missed"}


def _play_once(cells: Sequence[Cell], proxy: Proxy) -> list[Row]:
    with namespace() as world, ThreadPoolExecutor(max_workers=2 * TOGETHER) as threads:
        played = [
            Played(cell, world, proxy, f"c{number}-{cell.name}"[:50].rstrip("-")) for number, cell in enumerate(cells)
        ]
        restarted = subject.identity()
        with ExitStack() as gates:
            for each in played:
                gates.callback(each.open_gate)
            _all(threads, Played.prepare, played)
            # Before the moment, which may not last as long as it takes to find them; what starts has none before.
            _all(threads, Played.find_processes, played)
            _all(threads, Played.approach, played)
            _all(threads, Played.find_processes, played)
            _all(threads, Played.set_deadline, played)
            rows = _strike(played, proxy, threads)
        _count(world, played, rows)
        was_killed = any(cell.cause.name == "operator-killed" for cell in cells)
        for row in rows:
            row.operator_restarted = not was_killed and subject.identity() != restarted
        _all(threads, _leave, played)
    return rows


def _strike(played: Sequence[Played], proxy: Proxy, threads: ThreadPoolExecutor) -> list[Row]:
    """Strike, look on until all has ended, and let things be well again in any case."""
    causes = {each.cell.cause.name: each.cell.cause for each in played}
    is_over = threading.Event()
    with ExitStack() as faults:
        struck_at, began = time.time(), time.monotonic()
        looking = [threads.submit(_look_on, each, struck_at, began, bool(each.session.finish)) for each in played]
        for cause in causes.values():
            faults.enter_context(struck(cause, [each for each in played if each.cell.cause is cause], proxy))
        for each in played:
            each.open_gate()
        threads.submit(_tell_when_done, looking, is_over)
        # What does not end by itself holds for its time; the rest is there until all is over.
        is_over.wait(max(cause.lasts for cause in causes.values()) or None)
    return [each.result() for each in looking]


def _tell_when_done(looking: Sequence[Future[Row]], is_over: threading.Event) -> None:
    wait(looking)
    is_over.set()


def _look_on(played: Played, struck_at: float, began: float, was_finished: bool) -> Row:
    cell, session = played.cell, played.session
    row = Row(cell.cause.name, cell.moment.name)
    try:
        finish = session.finishes(within=cell.cause.within + cell.cause.lasts)
        row.finished = None if was_finished else round(time.monotonic() - began, 1)
        row.ending, row.reported_by = f"{finish['reason']}/{finish['outcome']}", finish["reportedBy"]
        session_left = cell.cause.lasts + CLEAN_SECONDS
        played.world.nothing_is_left(session, session_left)
        row.clean = round(time.monotonic() - began, 1)
    except AssertionError as exc:
        row.wrong = (str(exc),)
        return row
    row.missed = played.missed(struck_at)
    row.wrong = tuple(invariants.broken(played))
    return row


def _leave(played: Played) -> None:
    """Delete the session; its finalizer must not keep it."""
    played.world.delete(played.session)
    played.session.goes()


def _count(world: World, played: Sequence[Played], rows: Sequence[Row]) -> None:
    """Hold the operator's numbers to the objects."""
    expected = Counter(row.ending for row in rows if row.ending)
    may_be_fewer = any(each.cell.cause.counts == "fewer" for each in played)

    def counted() -> bool:
        return subject.finishes(world.namespace) == expected

    if not may_be_fewer:
        # The answer to the last write may still be on its way to the operator, which counts when it has come.
        with suppress(AssertionError):
            wait_until(counted, 60, "all counted")
    found = subject.finishes(world.namespace)
    is_right = found <= expected if may_be_fewer else found == expected
    for row in rows if not is_right else ():
        row.wrong += (f"the operator has counted {dict(+found)} of {dict(expected)}",)


def _all(threads: ThreadPoolExecutor, do: Callable[[Played], None], played: Sequence[Played]) -> None:
    """Do something with all at once; raise what one of them raises."""
    for done in [threads.submit(do, each) for each in played]:
        done.result()


@contextmanager
def namespace() -> Iterator[World]:
    """Return a namespace of its own."""
    world = World(make_namespace("faults"))
    try:
        yield world
    finally:
        world.close()
        kubectl("delete", "namespace", world.namespace, "--wait=false")
