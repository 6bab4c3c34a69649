"""Show a timeline on a terminal: lines that stay, and under them one that counts down."""

from datetime import datetime
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from botsession_contract.lifecycle import Phase
from botsession_operator.api.status import Status
from botsession_operator.cli.timeline import Entry, countdown, summary

STYLES: Final = {
    Phase.PENDING: "dim",
    Phase.STARTING: "cyan",
    Phase.RUNNING: "bold green",
    Phase.ENDING: "bold yellow",
    Phase.SUCCEEDED: "bold green",
    Phase.FAILED: "bold red",
    "client": "blue",
    "caller": "magenta",
    "frame": "yellow",
    "trouble": "red",
}
SUBJECT_WIDTH: Final = 10


class Terminal:
    """A live view; without a terminal (a pipe, CI) only the lines."""

    def __init__(self, console: Console, title: str, since: datetime) -> None:
        self._console = console
        self._title = title
        self._since = since
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        """Begin, with the session's name."""
        self._console.print(Text.assemble(("BotSession ", "dim"), (self._title, "bold")))
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the countdown away."""
        if self._console.is_terminal:
            self._live.stop()

    def show(self, entry: Entry) -> None:
        """Print one line."""
        seconds = max(0.0, (entry.at - self._since).total_seconds())
        line = Text.assemble(
            (f"{seconds:7.2f} s  ", "dim"),
            (f"{entry.subject:<{SUBJECT_WIDTH}}", STYLES.get(entry.subject, "default")),
            (f"  {entry.text}", "default"),
        )
        self._console.print(line, soft_wrap=True)

    def count(self, status: Status | None, now: datetime) -> None:
        """Renew the line that counts down."""
        text = countdown(status, now)
        self._live.update(Spinner("dots", text=Text(text, style="dim")) if text else Text(""))

    def sum_up(self, status: Status, kept: dict[str, str]) -> None:
        """Print how it ended, and where things lie."""
        table = Table.grid(padding=(0, 2))
        for name, value in (*summary(status), *kept.items()):
            table.add_row(Text(name, style="dim"), Text(value))
        self._console.print()
        self._console.print(table, soft_wrap=True)
