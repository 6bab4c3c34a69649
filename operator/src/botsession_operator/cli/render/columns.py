"""Sessions as rows of a table, the way kubectl shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botsession_contract.lifecycle import Phase
from botsession_operator.api.duration import format_duration
from botsession_operator.cli.render.conversation import format_wait
from botsession_operator.cli.render.times import format_time, moment

Json = dict[str, Any]
NARROW: Final = ("NAME", "PHASE", "REASON", "OUTCOME", "DURATION", "LEFT", "AGE")
WIDE: Final = ("FIRST SOUND", "POD", "NODE", "DEADLINE", "URL")
#: The space between two columns, in characters, as in kubectl.
GAP: Final = 3
_NEVER: Final = "<none>"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns a table has."""

    is_wide: bool = False
    has_namespaces: bool = False

    @property
    def head(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        first = ("NAMESPACE",) if self.has_namespaces else ()
        return (*first, *NARROW, *(WIDE if self.is_wide else ()))


def row(session: Json, layout: Layout, now: datetime) -> tuple[str, ...]:
    """Return the cells of a session. Of another version's status, the known fields are shown."""
    metadata, status = session["metadata"], session.get("status") or {}
    finish = status.get("finish") or {}
    cells = [
        *([metadata.get("namespace", "")] if layout.has_namespaces else []),
        metadata["name"],
        status.get("phase", Phase.PENDING),
        finish.get("reason", ""),
        finish.get("outcome", ""),
        duration(status, now),
        left(status, now),
        aged(metadata, now),
    ]
    if layout.is_wide:
        cells.append(first_sound(status))
        cells += [status.get(name, _NEVER) for name in ("podName", "nodeName", "deadline", "url")]
    return tuple(str(cell) for cell in cells)


def duration(status: Json, now: datetime) -> str:
    """Return how long the conversation lasted, or has lasted by now."""
    if "duration" in status or "startedAt" not in status:
        return str(status.get("duration", ""))
    return format_time(status["startedAt"], lambda started: format_duration(now - started))


def left(status: Json, now: datetime) -> str:
    """Return how much time a conversation has left."""
    if status.get("phase") != Phase.RUNNING or "deadline" not in status:
        return ""
    return format_time(status["deadline"], lambda deadline: format_duration(deadline - now))


def first_sound(status: Json) -> str:
    """Return how long the caller waited for the bot's first sound; `none` where the bot has audio and made no sound."""
    heard, came = status.get("conversation"), moment(status.get("clientConnectedAt"))
    if not isinstance(heard, dict) or came is None:
        return _NEVER
    sounded = moment(heard.get("firstSoundAt"))
    if sounded is not None:
        return format_wait(max(0.0, (sounded - came).total_seconds()))
    return "none" if heard.get("hasAudio") is True else _NEVER


def aged(metadata: Json, now: datetime) -> str:
    """Return how long ago an object was created."""
    if "creationTimestamp" not in metadata:
        return ""
    return format_time(metadata["creationTimestamp"], lambda created: age(created, now))


def age(since: datetime, now: datetime) -> str:
    """Return an age in kubectl's format: the older, the coarser (k8s.io/apimachinery, duration.HumanDuration)."""
    seconds = max(0, int((now - since).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 180:
        return _two(minutes, "m", seconds % 60, "s") if minutes < 10 else f"{minutes}m"
    if hours < 48:
        return _two(hours, "h", minutes % 60, "m") if hours < 8 else f"{hours}h"
    return _two(days, "d", hours % 24, "h") if days < 8 else f"{days}d"


def lines(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Return rows as lines with the given column widths; a wider cell moves the next ones to the right."""
    return [
        "".join(f"{cell:<{width + GAP}}" for cell, width in zip(each, widths, strict=True)).rstrip() for each in rows
    ]


def widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _two(large: int, unit: str, small: int, smaller: str) -> str:
    return f"{large}{unit}" + (f"{small}{smaller}" if small else "")
