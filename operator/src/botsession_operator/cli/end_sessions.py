"""`botsession end` and `botsession extend`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from botsession_contract.lifecycle import FINISHED_PHASES, Phase
from botsession_operator.api.duration import format_duration, parse_duration
from botsession_operator.api.spec import EndNow
from botsession_operator.cli import options
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient, Where
from botsession_operator.cli.output import say
from botsession_operator.cli.patch import change
from botsession_operator.cli.render.session_view import read
from botsession_operator.cli.render.times import moment
from botsession_operator.cli.render.why import why
from botsession_operator.cli.wait import is_over, until

Json = dict[str, Any]


def end(
    name: options.Name,
    *,
    now: Annotated[bool, typer.Option("--now", help="End at once: the bot stops mid-sentence.")] = False,
    farewell: Annotated[str | None, typer.Option(help="What the bot says before it ends, this time only.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the session has ended, and say how.")] = False,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """End a session, gracefully or at once.

    By default the bot finishes its sentence and says goodbye. The session stays, with its record, until its
    ttlAfterFinished has passed. With --wait, the exit code is 1 if the session Failed.
    """
    if now and farewell is not None:
        raise CliError(Exit.REFUSED, "use either --now or --farewell: with --now the bot says no farewell")
    cluster = ClusterClient(Where(kubeconfig, context, namespace))
    session = cluster.session(name)
    if not is_over(session):
        session = change(cluster, session, lambda _: ending(now=now, farewell=farewell))
        say(f"{name} was asked to end {'at once' if now else 'gracefully'}.")
    elif not wait:
        say(f"{name} has already ended.")
    if wait:
        _report(until(cluster, session, is_over))


def ending(*, now: bool, farewell: str | None) -> Json:
    """Return the patch that ends a session. Its farewell, for this cause, overrides all others in the spec."""
    spec: Json = {"end": str(EndNow.IMMEDIATE if now else EndNow.GRACEFUL)}
    if farewell is not None:
        spec["shutdown"] = {"overrides": {"endRequested": {"farewell": farewell}}}
    return {"spec": spec}


def extend(
    name: options.Name,
    by: Annotated[
        str,
        typer.Argument(metavar="+10m|-5m|30m", help="The time to add or remove, or the new total.", show_default=False),
    ],
    *,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Change how long a live session may last.

    Changes maxSessionDuration, which counts from the start of the pipeline.
    """
    cluster = ClusterClient(Where(kubeconfig, context, namespace))
    session = change(cluster, cluster.session(name), lambda current: extending(current, by))
    say(_until(session, session["spec"]["maxSessionDuration"]))


def extending(session: Json, by: str) -> Json:
    """Return the patch that changes a session's length; raise CliError where the session is ending or has ended."""
    name, phase = session["metadata"]["name"], session.get("status", {}).get("phase")
    if phase in FINISHED_PHASES or phase == Phase.ENDING:
        raise CliError(
            Exit.REFUSED,
            f"{name} {'has ended' if phase in FINISHED_PHASES else 'is ending'}: its length cannot change any more",
        )
    length = format_duration(changed(session["spec"]["maxSessionDuration"], by))
    # With the version, two people who each add ten minutes at the same time add twenty.
    return {
        "metadata": {"resourceVersion": session["metadata"]["resourceVersion"]},
        "spec": {"maxSessionDuration": length},
    }


def changed(current: str, change: str) -> timedelta:
    """Return the new length; raise CliError where it is invalid, or not positive."""
    known, sign = parse_duration(current), change[:1] if change[:1] in ("+", "-") else ""
    try:
        given = parse_duration(change.removeprefix(sign))
    except ValueError as exc:
        raise CliError(Exit.REFUSED, f"{change!r} is not a change of a duration; write +10m, -5m or 30m") from exc
    length = {"+": known + given, "-": known - given, "": given}[sign]
    if length <= timedelta(0):
        raise CliError(Exit.REFUSED, f"{change} leaves no time of {current}; to end the session, use botsession end")
    return length


def _until(session: Json, length: str) -> str:
    name, started = session["metadata"]["name"], moment(session.get("status", {}).get("startedAt"))
    if started is None:
        return f"{name} may last {length} from the start of its pipeline."
    deadline = started + parse_duration(length)
    left = deadline - datetime.now(UTC)
    if left <= timedelta(0):
        return f"{name} may last {length}, which has passed: it ends now."
    return f"{name} may last {length}, until {deadline:%H:%M:%S} UTC: another {format_duration(left)}."


def _report(session: Json) -> None:
    view = read(session)
    say(why(view, datetime.now(UTC)))
    if view.status.phase is Phase.FAILED:
        raise typer.Exit(Exit.FAILED)
