"""A session's life as a picture of text: one bar for each stretch of it, all along one line of time."""

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
#: A picture is no wider than this, however wide the terminal: an eye has to follow its lines.
WIDEST: Final = 72
NARROWEST: Final = 16


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of a session's life."""

    label: str
    since: datetime
    until: datetime
    #: Which colour it has; see `styles`.
    style: str
    #: It lasts on.
    is_open: bool = False


def bars(view: SessionView, now: datetime) -> list[Bar]:
    """Return the stretches that are known, in the order in which they began."""
    return [*_start(view, now), *_conversation(view, now)]


def draw(drawn: list[Bar], width: int) -> Iterator[tuple[str, str]]:
    """Yield lines of the picture, each with its style."""
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
    """Yield the parts of the start; the last one known goes on until the session started, finished, or now."""
    timings, begins = view.status.timings, view.created_at
    known = (
        ("wait for a node", timings.scheduled if timings else None),
        ("image, container", timings.pod_started if timings else None),
        ("import of the bot", timings.bot_imported if timings else None),
        # When the bot was imported is told by its report, at the end.
        ("start of pipeline" if timings and timings.bot_imported else "import, pipeline", _pipeline_started(view)),
    )
    for label, seconds in known:
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
    """Draw a bar between two places; the shortest is an eighth of a character, for it was there."""
    first = min(int(left), room - 1)
    eighths = max(1, round((min(right, room) - first) * 8))
    whole, rest = divmod(eighths, 8)
    return " " * first + _FULL * whole + (_EIGHTHS[rest] if rest else "")


def _length(length: timedelta) -> str:
    seconds = length.total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else format_duration(length)
