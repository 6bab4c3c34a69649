"""Patch a session, and retry after conflicts without losing the other change."""

from collections.abc import Callable
from typing import Any, Final

from botsession_operator.cli.cli_error import CliError, Conflict, Exit
from botsession_operator.cli.cluster_client import ClusterClient

Json = dict[str, Any]
#: How often a change is tried. The operator writes statuses now and then, but hardly five times in a row.
MAX_ATTEMPTS: Final = 5


def change(cluster: ClusterClient, session: Json, patch_of: Callable[[Json], Json]) -> Json:
    """Patch a session, and return it; after a conflict, read it again and build a new patch.

    Raise CliError where the session is gone, or replaced by another one of its name, or after MAX_ATTEMPTS conflicts.
    """
    name, uid = session["metadata"]["name"], session["metadata"]["uid"]
    for _ in range(MAX_ATTEMPTS):
        try:
            return cluster.change(name, _with_uid(patch_of(session), uid))
        except Conflict:
            session = cluster.session(name)
            if session["metadata"]["uid"] != uid:
                raise CliError(Exit.NOT_FOUND, f"{name} is gone; another session has its name now") from None
    raise CliError(Exit.REFUSED, f"{name} keeps changing; try again")


def _with_uid(patch: Json, uid: str) -> Json:
    """Return the patch with a UID, so that the server refuses it for another session of the same name."""
    return {**patch, "metadata": {**patch.get("metadata", {}), "uid": uid}}
