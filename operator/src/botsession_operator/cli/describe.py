"""`botsession describe`: the facts about one session, and a chart of its life."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.text import Text

from botsession_operator.api.duration import format_duration
from botsession_operator.cli import options
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient, Where
from botsession_operator.cli.output import console
from botsession_operator.cli.render import conversation, gantt
from botsession_operator.cli.render.history import history
from botsession_operator.cli.render.session_view import SessionView, read
from botsession_operator.cli.render.styles import STYLES
from botsession_operator.cli.render.timeline import Entry


def describe(
    name: options.Name,
    *,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Show a session's history as a chart and a list of events."""
    cluster = ClusterClient(Where(kubeconfig, context, namespace))
    session = cluster.session(name)
    view, now = read(session), datetime.now(UTC)
    try:
        events = cluster.events(session)
    except CliError as error:
        if error.code is not Exit.FORBIDDEN:
            raise
        events = []  # the user may not read Events; the history is shown without the pod's
    out = console()
    for label, value in facts(view, now):
        out.print(Text.assemble((f"{label + ':':<12}", "dim"), value), soft_wrap=True)
    out.print()
    for line, style in gantt.draw(gantt.bars(view, now), out.width):
        out.print(Text(line, STYLES.get(style, style)), soft_wrap=True)
    out.print()
    for entry in history(view, events):
        out.print(moment(entry, view.created_at), soft_wrap=True)


def facts(view: SessionView, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield the facts about a session, as labels and values."""
    status, bot = view.status, view.spec["bot"]
    yield "Session", f"{view.namespace}/{view.name}"
    yield "Phase", str(status.phase)
    if status.finish:
        yield "Ended", f"{status.finish.reason} / {status.finish.outcome}"
    yield "Bot", f"{bot.get('target') or ' '.join(bot.get('command', ()))} in {bot['image']}"
    if status.pod_name:
        yield "Pod", f"{status.pod_name} on {status.node_name}" if status.node_name else status.pod_name
    if status.url:
        yield "URL", status.url
    if status.deadline and not status.finish:
        moment = f"{status.deadline:%Y-%m-%d %H:%M:%S} UTC"
        yield "Deadline", f"{moment}, in {format_duration(status.deadline - now)}"
    if status.duration:
        yield "Lasted", status.duration
    yield from conversation.facts(status)
    if status.result is not None:
        yield "Result", json.dumps(status.result, ensure_ascii=False)


def moment(entry: Entry, since: datetime) -> Text:
    """Return one line of the history: the time of day, the seconds since the creation, and what happened."""
    seconds = f"{max(0.0, (entry.at - since).total_seconds()):+9.2f} s"
    return Text.assemble(
        (f"{entry.at:%H:%M:%S}", "dim"),
        f"{seconds}  ",
        (f"{entry.subject:<11}", STYLES.get(entry.subject, "")),
        entry.text,
    )
