"""`botsession logs`."""

from typing import Annotated, Any

import typer

from botsession_operator.api.duration import parse_duration
from botsession_operator.cli import options
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient, Where
from botsession_operator.cli.output import say_log

Json = dict[str, Any]


def logs(
    name: options.Name,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log as it grows.")] = False,
    tail: Annotated[int | None, typer.Option(help="Show only this many of the last lines.", min=0)] = None,
    since: Annotated[str | None, typer.Option(help="Show only lines newer than this, for example 5m.")] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Print each line's time.")] = False,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Show the log of a session's bot.

    The lines that start with "botsession:" are the supervisor's. The operator deletes the pod, and its log, once it has
    copied the report, unless spec.podRetention keeps the pod. A session's pod runs once, so there is no previous log.
    """
    cluster = ClusterClient(Where(kubeconfig, context, namespace))
    session = cluster.session(name)
    options_ = {
        "follow": "true" if follow else None,
        "tailLines": tail,
        "sinceSeconds": _seconds(since),
        "timestamps": "true" if timestamps else None,
    }
    try:
        say_log(cluster.log(pod_of(session), **options_))
    except CliError as error:
        raise _explained(error, session) from None


def pod_of(session: Json) -> str:
    """Return the name of a session's pod; raise CliError where it has none yet."""
    name, pod = session["metadata"]["name"], session.get("status", {}).get("podName")
    if not pod:
        raise CliError(Exit.NOT_FOUND, f"{name} has no pod yet; botsession why {name} says what the session waits for")
    return str(pod)


def _explained(error: CliError, session: Json) -> CliError:
    """Return the error with the reason why there is no log, where that is known."""
    name, retention = session["metadata"]["name"], session["spec"].get("podRetention")
    if error.code is Exit.NOT_FOUND and "finish" in session.get("status", {}):
        kept = f"podRetention was {retention}; OnFailure or Always keeps the pod"
        return CliError(Exit.NOT_FOUND, f"{name} has ended, and its pod and log are deleted: {kept}")
    if error.code is Exit.REFUSED:
        return CliError(Exit.NOT_FOUND, f"{name} has no log yet: {error}")
    return error


def _seconds(since: str | None) -> int | None:
    if since is None:
        return None
    try:
        return max(1, round(parse_duration(since).total_seconds()))
    except ValueError as exc:
        raise CliError(Exit.REFUSED, str(exc)) from exc
