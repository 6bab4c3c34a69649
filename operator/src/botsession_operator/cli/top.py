"""`botsession top`: the live sessions, with the time that each has left."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.live import Live
from rich.table import Table

from botsession_contract.lifecycle import FINISHED_PHASES, Phase
from botsession_operator.cli import options
from botsession_operator.cli.cluster_client import ClusterClient, Where
from botsession_operator.cli.keys import Wait, pressed
from botsession_operator.cli.output import console, say
from botsession_operator.cli.render.columns import aged, duration, left, lines, widths
from botsession_operator.cli.render.styles import STYLES
from botsession_operator.cli.render.times import moment

Json = dict[str, Any]
#: The intervals of requests to the cluster, and of updates of the countdowns in between, in seconds.
ASK_SECONDS: Final = 2.0
TICK_SECONDS: Final = 0.25
QUIT: Final = "q"
HEAD: Final = ("NAME", "PHASE", "CLIENT", "TALKED", "LEFT", "AGE", "NAMESPACE", "NODE")


def top(
    *,
    namespace: options.Namespace = None,
    all_namespaces: options.Everywhere = False,
    selector: options.Selector = None,
    once: Annotated[bool, typer.Option("--once", help="Print the table once and exit.")] = False,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Watch the live sessions and the time that each has left.

    Press q or Ctrl-C to quit. Sessions with less than a minute left are yellow. Without a terminal, it prints the table
    once.
    """
    cluster, out = ClusterClient(Where(kubeconfig, context, namespace)), console()

    def ask() -> list[Json]:
        items: list[Json] = cluster.sessions(everywhere=all_namespaces, selector=selector)["items"]
        return items

    if once or not out.is_terminal:
        plain = [HEAD, *rows(ask(), datetime.now(UTC))]
        say("\n".join(lines(plain, widths(plain))))
        return
    with pressed() as wait, Live(console=out, auto_refresh=False, screen=True) as live:
        _watch(ask, lambda found: live.update(table(found, datetime.now(UTC)), refresh=True), wait)


def _watch(ask: Callable[[], list[Json]], show: Callable[[list[Json]], None], wait: Wait) -> None:
    """Read and show the sessions until q is pressed; update the countdowns between two requests."""
    while True:
        found = ask()
        for _ in range(round(ASK_SECONDS / TICK_SECONDS)):
            show(found)
            if QUIT in wait(TICK_SECONDS):
                return


def table(sessions: list[Json], now: datetime) -> Table:
    """Return the table of live sessions, titled with a count of all. A short screen cuts off those that end last."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), title=count(sessions), title_justify="left")
    for name in HEAD:
        drawn.add_column(name, no_wrap=True)
    for session in _living(sessions):
        drawn.add_row(*_cells(session, now), style=_style(session, now))
    return drawn


def rows(sessions: list[Json], now: datetime) -> list[tuple[str, ...]]:
    """Return the live sessions as rows; the one that ends first is the first row."""
    return [tuple(_cells(session, now)) for session in _living(sessions)]


def _living(sessions: list[Json]) -> list[Json]:
    return sorted((each for each in sessions if phase_of(each) not in FINISHED_PHASES), key=_urgency)


def count(sessions: list[Json]) -> str:
    """Return the number of sessions in each phase, as text."""
    phases = [phase_of(each) for each in sessions]
    counted = [f"{phases.count(phase)} {phase}" for phase in Phase if phase in phases]
    return ", ".join(counted) or "no sessions"


def phase_of(session: Json) -> str:
    """Return a session's phase."""
    return str(_status(session).get("phase", Phase.PENDING))


def _cells(session: Json, now: datetime) -> Iterator[str]:
    metadata, status = session["metadata"], _status(session)
    yield metadata["name"]
    yield phase_of(session)
    yield "yes" if "clientConnectedAt" in status else ""
    yield duration(status, now)
    yield left(status, now)
    yield aged(metadata, now)
    yield metadata.get("namespace", "")
    yield status.get("nodeName", "")


def _urgency(session: Json) -> tuple[str, str]:
    """Return the sort key: the earliest deadline first, sessions without a deadline last."""
    return str(_status(session).get("deadline", "~")), session["metadata"]["name"]


def _style(session: Json, now: datetime) -> str:
    deadline = moment(_status(session).get("deadline"))
    is_short = deadline is not None and (deadline - now).total_seconds() < SHORT_SECONDS
    return "yellow" if is_short and phase_of(session) == Phase.RUNNING else STYLES.get(phase_of(session), "")


def _status(session: Json) -> Json:
    return session.get("status") or {}


#: Sessions that have less than this left are yellow, in seconds.
SHORT_SECONDS: Final = 60.0
