"""The options that many commands share, with the same meaning as in kubectl."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class Output(StrEnum):
    """The formats of output."""

    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    WIDE = "wide"


def names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of sessions for shell completion; none where the cluster cannot be read."""
    from botsession_operator.cli.cli_error import CliError
    from botsession_operator.cli.cluster_client import ClusterClient, Where

    given: dict[str, Any] = ctx.params
    where = Where(given.get("kubeconfig"), given.get("context"), given.get("namespace"))
    try:
        listed = ClusterClient(where).sessions()["items"]
    except CliError:
        return []
    found = (str(session["metadata"]["name"]) for session in listed)
    # A shell interprets the output, so only valid names of objects are returned.
    return [name for name in found if name.startswith(incomplete) and _NAME.fullmatch(name)]


Name = Annotated[
    str, typer.Argument(help="The session's name.", metavar="NAME", autocompletion=names, show_default=False)
]
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Names of sessions.", metavar="NAME", autocompletion=names, show_default=False),
]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="The namespace; default: the context's.")]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Context = Annotated[str | None, typer.Option(help="The kubeconfig context to use.")]
Kubeconfig = Annotated[
    Path | None, typer.Option(help="The kubeconfig; default: $KUBECONFIG or ~/.kube/config.", show_default=False)
]
Selector = Annotated[str | None, typer.Option("--selector", "-l", help="Only sessions with these labels: a=b,c!=d.")]
Form = Annotated[Output | None, typer.Option("--output", "-o", help="The output format.", show_default=False)]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Keep running, and show each change.")]
