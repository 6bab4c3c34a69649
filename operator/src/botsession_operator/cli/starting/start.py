"""`botsession start`: a new session, from options or from a file."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from botsession_operator.cli import options
from botsession_operator.cli.cluster import Cluster, Where
from botsession_operator.cli.exits import Exit, Problem
from botsession_operator.cli.following import has_started, until
from botsession_operator.cli.options import Output
from botsession_operator.cli.printing import show_objects
from botsession_operator.cli.starting.composing import Wishes, compose, pairs
from botsession_operator.cli.telling.columns import Layout
from botsession_operator.cli.telling.record import read
from botsession_operator.cli.telling.why import why

Json = dict[str, Any]


class DryRun(StrEnum):
    """Who says whether a manifest would be accepted, without a session being started."""

    CLIENT = "client"  # this program, without a cluster
    SERVER = "server"  # the API server, with its admission policies


Texts = list[str] | None


def start(
    name: Annotated[
        str | None, typer.Argument(help="The session's name; made of the image's otherwise.", show_default=False)
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--filename", "-f", help="A BotSession manifest, or -, instead of the options below.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="The image that holds the bot.")] = None,
    target: Annotated[str | None, typer.Option(help="The bot in it: bot.py or module:function.")] = None,
    command: Annotated[str | None, typer.Option(help="Instead of --target: a command line.")] = None,
    body: Annotated[str | None, typer.Option(help="JSON for runner_args.body, or @FILE.")] = None,
    env: Annotated[Texts, typer.Option("--env", "-e", help="A variable of the bot: NAME=VALUE.")] = None,
    env_from_secret: Annotated[Texts, typer.Option(help="A Secret whose keys become variables of the bot.")] = None,
    max_duration: Annotated[str | None, typer.Option(help="maxSessionDuration, for example 15m.")] = None,
    idle_timeout: Annotated[str | None, typer.Option(help="idleTimeout, for example 5m.")] = None,
    farewell: Annotated[str | None, typer.Option(help="What the bot says before it is ended.")] = None,
    python: Annotated[str | None, typer.Option(help="The interpreter in the image that has Pipecat.")] = None,
    label: Annotated[Texts, typer.Option("--label", help="A label of the session: NAME=VALUE.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the pipeline runs.")] = False,
    dry_run: Annotated[
        DryRun | None, typer.Option(help="Only check: here, or on the server.", show_default=False)
    ] = None,
    output: options.Form = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Start a session, from options or from a manifest.

    For example: `botsession start --image my-bot:1 --target bot.py --max-duration 15m`.

    With --wait the exit code is 1 where the pipeline never started, and the reason is told.
    """
    texts = (tuple(env or ()), tuple(env_from_secret or ()))
    wishes = Wishes(image, target, command, body, *texts, max_duration, idle_timeout, farewell, python)
    manifest = _labelled(_from_file(file, name, wishes) if file else compose(name, wishes), tuple(label or ()))
    if dry_run is DryRun.CLIENT:
        _show(_admitted(manifest, namespace or "default"), output, "would be started, as far as can be said here")
        return
    cluster = Cluster(Where(kubeconfig, context, namespace or manifest["metadata"].get("namespace")))
    _agree(manifest, cluster.namespace)
    session = cluster.create(manifest, is_dry=dry_run is DryRun.SERVER)
    if dry_run:
        _show(session, output, "would be started, says the server")
        return
    if wait:
        session = _started(cluster, session)
    _show(session, output, "runs" if wait else "is started")


def _from_file(file: Path, name: str | None, wishes: Wishes) -> Json:
    from botsession_operator.cli.manifests import read_manifest

    if superfluous := wishes.options():
        raise Problem(Exit.REFUSED, f"with -f the manifest says it all; leave out {', '.join(superfluous)}")
    manifest = read_manifest(file)
    if not isinstance(manifest.setdefault("metadata", {}), dict):
        raise Problem(Exit.REFUSED, f"{file}: metadata must be an object")
    if name:
        manifest["metadata"] = {**manifest["metadata"], "name": name}
        manifest["metadata"].pop("generateName", None)
    return manifest


def _labelled(manifest: Json, given: tuple[str, ...]) -> Json:
    if labels := pairs(given, "--label"):
        manifest["metadata"]["labels"] = {**manifest["metadata"].get("labels", {}), **labels}
    return manifest


def _agree(manifest: Json, namespace: str) -> None:
    """Refuse a manifest for another namespace than the one that was named, as kubectl does."""
    own = manifest["metadata"].setdefault("namespace", namespace)
    if own != namespace:
        raise Problem(Exit.REFUSED, f"the manifest is for the namespace {own}, and --namespace says {namespace}")


def _admitted(manifest: Json, namespace: str) -> Json:
    from botsession_operator.cli.manifests import admitted

    return admitted(manifest, namespace)


def _started(cluster: Cluster, session: Json) -> Json:
    session = until(cluster, session, has_started)
    if "startedAt" not in session["status"]:
        raise Problem(Exit.FAILED, why(read(session), datetime.now(UTC)))
    return session


def _show(session: Json, form: Output | None, what: str) -> None:
    if form:
        show_objects([session], form, Layout(is_wide=form is Output.WIDE), is_list=False)
        return
    typer.echo(f"{session['metadata']['name']} {what}.")
