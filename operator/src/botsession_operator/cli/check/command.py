"""`botsession check`: check that a manifest is acceptable, and that an image has what a bot needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from botsession_operator.cli import options
from botsession_operator.cli.check.findings import Finding, Verdict, show
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient, Where

Json = dict[str, Any]
MANIFESTS = (".yaml", ".yml", ".json")


def check(
    subject: Annotated[
        str, typer.Argument(metavar="FILE|IMAGE", help="A manifest file, - for standard input, or an image.")
    ],
    *,
    target: Annotated[str | None, typer.Option(help="For an image: the bot that it should contain.")] = None,
    python: Annotated[str, typer.Option(help="For an image: its Python interpreter that has Pipecat.")] = "python3",
    offline: Annotated[bool, typer.Option("--offline", help="Do not contact a cluster.")] = False,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Check a manifest or an image before it is needed.

    Checks whether the cluster would accept the manifest, and whether the image has what a bot needs. A manifest is
    checked here, and by the API server if it can be reached; nothing is started. An image is inspected with this
    machine's docker or podman. The output says what could not be checked.
    """
    from botsession_operator.cli.check.engine import inspect_image

    file = Path(subject)
    if not is_manifest(file):
        raise typer.Exit(show(inspect_image(subject, target, python)))
    where = None if offline else Where(kubeconfig, context, namespace)
    raise typer.Exit(show(_manifest(file, where, namespace)))


def is_manifest(file: Path) -> bool:
    """Return whether the argument is a manifest's file, and not the name of an image."""
    return str(file) == "-" or file.exists() or file.suffix in MANIFESTS


def _manifest(file: Path, where: Where | None, namespace: str | None) -> Iterator[Finding]:
    from botsession_operator.cli.check.engine import inspect_image
    from botsession_operator.cli.manifests import admitted, read_manifest

    manifest = read_manifest(file)
    try:
        bot = admitted(manifest, namespace or "default")["spec"]["bot"]
    except CliError as error:
        yield from (Finding(Verdict.FAIL, line) for line in str(error).splitlines())
        return
    yield Finding(Verdict.OK, "The manifest is a valid BotSession.")
    if where is None:
        yield Finding(Verdict.WARN, "Not checked against a cluster (--offline).")
    else:
        yield _asked(manifest, where)
    yield from inspect_image(bot["image"], bot.get("target"), bot["python"])


def _asked(manifest: Json, where: Where) -> Finding:
    """Return the finding of a dry run on the API server, whose policies may refuse more than the local check."""
    try:
        cluster = ClusterClient(where)
        cluster.create(manifest, is_dry=True)
    except CliError as error:
        if error.code is Exit.REFUSED:
            return Finding(Verdict.FAIL, f"The API server refuses the manifest: {error}")
        return Finding(Verdict.WARN, f"Not checked against a cluster: {error}")
    return Finding(Verdict.OK, f"The API server of {cluster.context} would accept the manifest.")
