"""Show a timeline on a terminal: lines that stay, and below them a countdown."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from botsession_operator.api.status import Status
from botsession_operator.cli.render.styles import STYLES
from botsession_operator.cli.render.timeline import Entry, countdown

TIME_WIDTH: Final = 9
SUBJECT_WIDTH: Final = 10


class Terminal:
    """A live view. Without a terminal, as in a pipe or CI, it prints only the lines."""

    def __init__(self, console: Console, title: str, since: datetime) -> None:
        self._console = console
        self._title = title
        self._since = since
        self._latest = since
        self._spinner = Spinner("dots")
        self._live = Live(console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        """Print the session's name, and start the countdown."""
        self._console.print(Text.assemble(("BotSession ", "dim"), (self._title, "bold")))
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the countdown."""
        if self._console.is_terminal:
            self._live.stop()

    def show(self, entry: Entry) -> None:
        """Print one line. Its time is never earlier than that of the line before."""
        self._latest = max(self._latest, entry.at)
        self._print(self._latest, entry.subject, entry.text)

    def show_countdown(self, status: Status | None, now: datetime) -> None:
        """Update the countdown."""
        text = countdown(status, now)
        self._spinner.update(text=Text(text, style="dim"))
        self._live.update(self._spinner if text else Text(""))

    def show_late(self, entries: Sequence[Entry]) -> None:
        """Print the entries from the caller's recording."""
        if entries:
            self.head("in the caller's recording")
        for entry in entries:
            self._print(entry.at, entry.subject, entry.text)

    def quote(self, heading: str, lines: Iterable[str]) -> None:
        """Print lines of another program under a heading."""
        self.head(heading)
        for line in lines:
            self._console.print(Text(line), soft_wrap=True)

    def show_summary(self, facts: Iterable[tuple[str, str]]) -> None:
        """Print the summary's names and values."""
        pairs = list(facts)
        width = max((len(name) for name, _ in pairs), default=0)
        self._console.print()
        for name, value in pairs:
            self._console.print(Text.assemble((f"{name:<{width}}  ", "dim"), value), soft_wrap=True)

    def head(self, heading: str) -> None:
        """Print a heading."""
        self._console.print()
        self._console.print(Text(heading, style="dim"))

    def _print(self, at: datetime, subject: str, text: str) -> None:
        seconds = max(0.0, (at - self._since).total_seconds())
        cells = (
            Text(f"{seconds:.2f} s".rjust(TIME_WIDTH), "dim"),
            Text(subject.ljust(SUBJECT_WIDTH), STYLES.get(subject, "default")),
            Text(text),
        )
        if not self._console.is_terminal:
            self._console.print(Text("  ").join(cells), soft_wrap=True)
            return
        line = Table.grid(padding=(0, 2))
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True)
        line.add_column(overflow="fold")  # a long sentence keeps to its column
        line.add_row(*cells)
        self._console.print(line)
