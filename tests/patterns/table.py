"""The table of ways to end, read: `table.yaml` says what each bot does and how that has to be recorded."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from botsession_contract.report import ExitReport
from tests import yaml_files

Json = dict[str, Any]

TABLE: Final = Path(__file__).with_name("table.yaml")
#: The bot that is run by its command line, with an argument instead of a body.
PROGRAMS: Final = "by_command.py"
#: What is recorded of an end by each of the two frames, where a way says nothing else.
PLAIN: Final[Mapping[str, Json]] = {
    "ended": {
        "reason": "Completed",
        "outcome": "Drained",
        "frame": "EndFrame",
        "cause": "BotEnded",
        "steps": ["EndFrame"],
    },
    "cancelled": {
        "reason": "BotCancelled",
        "outcome": "Cancelled",
        "frame": "CancelFrame",
        "cause": "BotCancelled",
        "steps": ["CancelFrame"],
    },
}


@dataclass(frozen=True, slots=True)
class Way:
    """A way to end."""

    name: str
    does: str
    bot: str
    body: Json
    #: What has to be recorded: the members of `recorded_of`.
    recorded: Json
    pipecat: str = ""
    seen_in: str = ""
    #: What the bot's log has to have.
    logged: tuple[str, ...] = ()
    #: gracePeriod and cancelPeriod in seconds, where they matter.
    periods: tuple[float, float] | None = None
    #: The period that each step but the first waited for.
    after: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return what the way is called among all."""
        return f"{self.bot.removesuffix('.py')}: {self.name}"


@dataclass(frozen=True, slots=True)
class Family:
    """Ways that belong together: a heading of the page."""

    title: str
    says: str = ""
    ways: tuple[Way, ...] = field(default_factory=tuple)


@cache
def families() -> tuple[Family, ...]:
    """Return the ways that end by themselves, by family."""
    return tuple(map(_family, _table()["families"]))


@cache
def bounds() -> tuple[Way, ...]:
    """Return the ways that do not come to their end by themselves."""
    return tuple(_way(way) for way in _table()["bounds"])


def ways() -> Iterator[Way]:
    """Yield all of them."""
    for family in families():
        yield from family.ways
    yield from bounds()


def recorded_of(report: ExitReport) -> Json:
    """Return what the table is about of a report."""
    ending = report.ending
    return {
        "reason": str(report.reason),
        "outcome": str(report.outcome),
        "frame": report.frame,
        "cause": str(ending.cause) if ending else None,
        "steps": [str(taken.step) for taken in ending.steps] if ending else [],
        "message": report.message,
        "stuck_at": report.stuck_at,
        "exit_code": report.exit_code,
    }


def _table() -> Json:
    table: Json = yaml_files.read(TABLE)
    return table


def _family(known: Json) -> Family:
    own = tuple(_way({"bot": known["bot"], **way}) for way in known["ways"])
    return Family(known["title"], known.get("says", ""), own)


def _way(known: Json) -> Way:
    name = known["name"]
    plain = PLAIN[known.get("like", "ended")]
    recorded = {**plain, "message": known.get("message"), "stuck_at": None, "exit_code": 0, **known.get("recorded", {})}
    return Way(
        name,
        known["does"],
        known["bot"],
        known.get("body", {"argument" if known["bot"] == PROGRAMS else "how": name}),
        recorded,
        known.get("pipecat", ""),
        known.get("seen_in", ""),
        _tuple(known.get("logged", ())),
        _periods(known.get("periods")),
        _tuple(known.get("after", ())),
    )


def _tuple(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(text) for text in texts)


def _periods(seconds: list[float] | None) -> tuple[float, float] | None:
    return (float(seconds[0]), float(seconds[1])) if seconds else None
