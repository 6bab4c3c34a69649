"""What must hold of every session, whatever broke: looked at from outside, in what the API server has shown of it."""

from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from typing import Final

from tests.e2e.world import Json
from tests.faults.cell import Played

#: Each phase, and what may be seen next; a watcher may miss what did not last.
NEXT: Final[Mapping[str, frozenset[str]]] = {
    "Pending": frozenset({"Starting", "Running", "Ending", "Succeeded", "Failed"}),
    "Starting": frozenset({"Running", "Ending", "Succeeded", "Failed"}),
    "Running": frozenset({"Ending", "Succeeded", "Failed"}),
    "Ending": frozenset({"Succeeded", "Failed"}),
    "Succeeded": frozenset(),
    "Failed": frozenset(),
}
#: What the bot itself must have seen, where its outcome says that a frame went all the way.
SEEN: Final[Mapping[str, str]] = {"Drained": "gave EndFrame", "Cancelled": "gave CancelFrame"}


def broken(played: Played) -> Iterator[str]:
    """Say what does not hold of a session that is over."""
    statuses = [version.get("status", {}) for version in played.session.history.versions]
    yield from _phases(statuses)
    yield from _finish(played)
    yield from _ending(statuses)
    yield from _log(played)


def _phases(statuses: list[Json]) -> Iterator[str]:
    seen = [phase for phase, _ in groupby(status.get("phase") for status in statuses) if phase]
    for before, after in pairwise(seen):
        if after not in NEXT[before]:
            yield f"the phase went from {before} to {after}"
    for status in statuses:
        if ("finish" in status) != (status.get("phase") in ("Succeeded", "Failed")):
            yield f"the phase is {status.get('phase')} and the finish is {status.get('finish')}"


def _finish(played: Played) -> Iterator[str]:
    if len(played.session.history.finishes) != 1:
        yield f"there was more than one finish: {played.session.history.finishes}"
    ending = f"{played.session.finish['reason']}/{played.session.finish['outcome']}"
    if ending not in played.cell.allowed:
        yield f"it ended as {ending} instead of {' or '.join(played.cell.allowed)}: {played.session.finish}"


def _ending(statuses: list[Json]) -> Iterator[str]:
    """An ending is never un-requested, and its first cause stays."""
    causes = [cause for cause, _ in groupby(status.get("ending", {}).get("cause") for status in statuses)]
    if len([cause for cause in causes if cause]) > 1 or (None in causes[1:]):
        yield f"the cause of the ending went through {causes}"


def _log(played: Played) -> Iterator[str]:
    """Compare with the bot's own log of frames, where it was there to the end."""
    seen = SEEN.get(played.session.finish["outcome"])
    if seen and played.log.is_whole and played.log.time_of(seen) is None:
        yield f"it is recorded as {played.session.finish['outcome']}, and the bot's log has no {seen!r}"
