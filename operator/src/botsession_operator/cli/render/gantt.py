"""A session's life as a Gantt chart of text, with one bar for each stage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from botsession_contract.lifecycle import Phase
from botsession_operator.api.duration import format_duration
from botsession_operator.cli.render.session_view import SessionView

#: A bar is drawn in eighths of a character.
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_FULL: Final = "█"
LABEL_WIDTH: Final = 20
LENGTH_WIDTH: Final = 10
#: The chart is no wider than this on a wide terminal, so that its lines stay readable.
WIDEST: Final = 72
NARROWEST: Final = 16


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage of a session's life."""

    label: str
    since: datetime
    until: datetime
    #: The key of its colour in `styles`.
    style: str
    #: The stage has not ended.
    is_open: bool = False


def bars(view: SessionView, now: datetime) -> list[Bar]:
    """Return the known stages, in the order in which they began."""
    return [*_start(view, now), *_conversation(view, now)]


def draw(drawn: list[Bar], width: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of the chart, each with its style."""
    if not drawn:
        return
    since, until = min(bar.since for bar in drawn), max(bar.until for bar in drawn)
    room = max(NARROWEST, min(WIDEST, width - LABEL_WIDTH - LENGTH_WIDTH))
    whole = max((until - since).total_seconds(), 0.001)
    for bar in drawn:
        left, right = ((at - since).total_seconds() / whole * room for at in (bar.since, bar.until))
        length = f"{_length(bar.until - bar.since)}{'…' if bar.is_open else ''}"
        yield f"{bar.label:<{LABEL_WIDTH}}{_bar(left, right, room):<{room}}  {length}", bar.style
    total = _length(until - since)
    yield f"{'':<{LABEL_WIDTH}}╰{'─' * (room - len(total) - 5)} {total} ─╯", "dim"


def _start(view: SessionView, now: datetime) -> Iterator[Bar]:
    """Yield the stages of the start. The last known one lasts until the session started or finished, or until now."""
    timings, begins = view.status.timings, view.created_at
    stages = (
        ("wait for a node", timings.scheduled if timings else None),
        ("image, container", timings.pod_started if timings else None),
        ("import of the bot", timings.bot_imported if timings else None),
        # The time of the import is known from the report, after the finish.
        ("start of pipeline" if timings and timings.bot_imported else "import, pipeline", _pipeline_started(view)),
    )
    for label, seconds in stages:
        ends = view.since_creation(seconds)
        if ends is None and view.status.started_at is None:
            yield Bar(label, begins, max(begins, _end(view, now)), Phase.STARTING, is_open=not view.status.finish)
            return
        if ends:
            yield Bar(label, begins, max(begins, ends), Phase.STARTING)
            begins = max(begins, ends)


def _pipeline_started(view: SessionView) -> float | None:
    timings = view.status.timings
    return timings.pipeline_started if timings else None


def _conversation(view: SessionView, now: datetime) -> Iterator[Bar]:
    status, over = view.status, _end(view, now)
    is_open = status.finish is None
    talks_until = max(status.ending_at or over, status.started_at or over)
    if status.started_at:
        yield Bar("conversation", status.started_at, talks_until, Phase.RUNNING, is_open and not status.ending_at)
    if status.client_connected_at:
        gone = status.client_disconnected_at or over
        stays = is_open and not status.client_disconnected_at
        yield Bar(
            "client connected", status.client_connected_at, max(gone, status.client_connected_at), "client", stays
        )
    if status.ending_at:
        yield Bar("ending", status.ending_at, max(over, status.ending_at), Phase.ENDING, is_open)


def _end(view: SessionView, now: datetime) -> datetime:
    return view.status.finished_at or now


def _bar(left: float, right: float, room: int) -> str:
    """Return a bar between two positions, at least an eighth of a character wide."""
    first = min(int(left), room - 1)
    eighths = max(1, round((min(right, room) - first) * 8))
    whole, rest = divmod(eighths, 8)
    return " " * first + _FULL * whole + (_EIGHTHS[rest] if rest else "")


def _length(length: timedelta) -> str:
    seconds = length.total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else format_duration(length)
