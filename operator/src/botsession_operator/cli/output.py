"""All output of the command line. It escapes control characters, so that no text of a bot can control the terminal.

Messages, names of tasks, results and Events come from bots, and so from their callers. While a command runs, standard
output and standard error escape control characters, as `\\x1b`. The command line's own colours go through `console`,
which escapes its texts too. Only a bot's log may contain colours.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

import typer

from botsession_contract.text import escape_controls
from botsession_operator.cli.colours import COLOUR, RESET, visible

if TYPE_CHECKING:
    from rich.console import Console

#: The control characters that stay.
LAYOUT: Final = "\n\t"
_STREAMS: Final = ("stdout", "stderr")


class _Guard:
    """A text stream that escapes control characters. It has no `buffer`, since bytes would bypass the escaping."""

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        self.raw.write(escape_controls(text, LAYOUT))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "detach", "reconfigure"):
            raise AttributeError(name)
        return getattr(self.raw, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Guard standard output and standard error inside the context."""
    before = {name: getattr(sys, name) for name in _STREAMS}
    guard()
    guards = {name: getattr(sys, name) for name in _STREAMS}
    try:
        yield
    finally:
        for name in _STREAMS:
            # If the reader of a pipe has gone, click has replaced the stream, and its replacement must stay.
            if getattr(sys, name) is guards[name]:
                setattr(sys, name, before[name])


def guard() -> None:
    """Guard standard output and standard error from now on, for tracebacks too."""
    for name in _STREAMS:
        stream = getattr(sys, name)
        if not isinstance(stream, _Guard):
            setattr(sys, name, _Guard(stream))


def say(text: str, *, err: bool = False) -> None:
    """Print a line."""
    typer.echo(escape_controls(text, LAYOUT), err=err)


def say_log(lines: Iterable[str]) -> None:
    """Print the lines of a log with their colours; escape all other control characters.

    Each line ends with a reset, so that no line changes the colours of another one.
    """
    raw = _raw()
    for line in lines:
        pieces = COLOUR.split(line)
        raw.write("".join(_piece(piece) for piece in pieces) + (RESET if len(pieces) > 1 else "") + "\n")
        raw.flush()


def console() -> "Console":
    """Return a console for drawings and colours that escapes the control characters in its texts."""
    from rich.console import Console
    from rich.segment import Segment

    class Safe(Console):
        def render(self, *args: Any, **kwargs: Any) -> Iterable[Segment]:
            for each in super().render(*args, **kwargs):
                yield each if each.control else Segment(escape_controls(each.text, LAYOUT), each.style)

    return Safe(file=_raw(), highlight=False, markup=False, emoji=False)


def _raw() -> TextIO:
    return sys.stdout.raw if isinstance(sys.stdout, _Guard) else sys.stdout


def _piece(piece: str) -> str:
    return visible(piece) if COLOUR.fullmatch(piece) else escape_controls(piece, "\t")
