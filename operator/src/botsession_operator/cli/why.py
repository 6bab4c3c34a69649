"""`botsession why`."""

from datetime import UTC, datetime

from botsession_operator.cli import options
from botsession_operator.cli.cluster_client import ClusterClient, Where
from botsession_operator.cli.output import console
from botsession_operator.cli.render.session_view import read
from botsession_operator.cli.render.why import why as explain


def why(
    name: options.Name,
    *,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Explain why and how a session ended, and what to do about it."""
    view = read(ClusterClient(Where(kubeconfig, context, namespace)).session(name))
    # A terminal wraps between words; a pipe gets one line.
    out = console()
    out.print(explain(view, datetime.now(UTC)), soft_wrap=not out.is_terminal)
