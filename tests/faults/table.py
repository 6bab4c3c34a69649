"""The fault table, read: `table.yaml` says what breaks when, and how a session may end then."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests import yaml_files

Json = dict[str, Any]

TABLE: Final = Path(__file__).with_name("table.yaml")
#: From the end of what lasts until the finish is recorded, where a cause says nothing else: a ladder, and patience.
WITHIN_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a session's life, how it is brought about, and how a session in it ends when nothing breaks."""

    name: str
    says: str
    ends: tuple[str, ...]
    body: Json = field(default_factory=dict)
    spec: Json = field(default_factory=dict)
    #: Set as spec.end to come there.
    end: str = ""
    #: Members of status that tell that it has come.
    reached: Json = field(default_factory=dict)
    #: The line of the bot's own log that tells so; its counterpart begins with `gave`.
    log: str = ""
    #: What the proxy keeps the operator from doing until the fault has struck.
    gate: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that breaks."""

    name: str
    says: str
    strikes: str
    moments: tuple[str, ...]
    ends: dict[str, tuple[str, ...]]
    why: str = ""
    fault: Json = field(default_factory=dict)
    #: Seconds for which it holds, where it does not pass by itself.
    lasts: float = 0.0
    within: float = WITHIN_SECONDS
    spec: Json = field(default_factory=dict)
    #: Whether it is done to processes, which have to be found first.
    processes: bool = False
    #: Whether the deadline of a running session stays far away.
    lasting: bool = False
    #: `fewer`: the operator may count less than there is, for the reason given in `why`; never more.
    counts: str = "all"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cause in one moment."""

    cause: Cause
    moment: Moment

    @property
    def name(self) -> str:
        """Name the cell, and its session."""
        return f"{self.cause.name}-{self.moment.name}"

    @property
    def allowed(self) -> tuple[str, ...]:
        """Return the endings that are right here."""
        return self.cause.ends.get(self.moment.name, self.moment.ends)


@cache
def moments() -> dict[str, Moment]:
    """Read the moments."""
    return {name: _moment(name, raw) for name, raw in _read()["moments"].items()}


@cache
def causes() -> dict[str, Cause]:
    """Read the causes."""
    return {name: _cause(name, raw) for name, raw in _read()["causes"].items()}


def cells() -> tuple[Cell, ...]:
    """List all cells, in the table's order."""
    return tuple(Cell(cause, moments()[name]) for cause in causes().values() for name in cause.moments)


def sample() -> tuple[Cell, ...]:
    """List the cells that CI plays."""
    return tuple(cell for cell in cells() if cell.name in _read()["sample"])


@cache
def _read() -> Any:
    return yaml_files.read(TABLE)


def _moment(name: str, raw: Json) -> Moment:
    ends = tuple(raw["ends"])
    rest = {key: value for key, value in raw.items() if key not in ("is", "ends")}
    return Moment(name, raw["is"], ends, **rest)


def _cause(name: str, raw: Json) -> Cause:
    ends = {moment: tuple(endings) for moment, endings in raw.get("ends", {}).items()}
    rest = {key: value for key, value in raw.items() if key not in ("is", "moments", "ends", "for")}
    listed = tuple(raw.get("moments", moments()))
    return Cause(name, raw["is"], moments=listed, ends=ends, lasts=raw.get("for", 0.0), **rest)
