"""Wait until a session fulfils a condition, for `--wait`."""

from collections.abc import Callable, Iterator
from typing import Any

from botsession_operator.api.status import awaits_caller
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient
from botsession_operator.cli.list_sessions import changes
from botsession_operator.cli.render.session_view import read

Json = dict[str, Any]


def until(cluster: ClusterClient, session: Json, holds: Callable[[Json], bool]) -> Json:
    """Return the first version of the session that fulfils a condition; raise CliError where it is deleted before."""
    for version in _versions(cluster, session):
        if holds(version):
            return version
    raise CliError(Exit.NOT_FOUND, f"{session['metadata']['name']} is gone")


def has_started(session: Json) -> bool:
    """Return whether the pipeline has started or never will, or the bot waits for its caller."""
    return "startedAt" in session.get("status", {}) or is_over(session) or awaits_caller(read(session).status)


def is_over(session: Json) -> bool:
    """Return whether the finish of the session is recorded."""
    return "finish" in session.get("status", {})


def _versions(cluster: ClusterClient, session: Json) -> Iterator[Json]:
    yield session
    uid = session["metadata"]["uid"]
    for version, is_gone in changes(cluster, session, name=session["metadata"]["name"]):
        if version["metadata"]["uid"] == uid:
            yield version
        if is_gone or version["metadata"]["uid"] != uid:
            return
