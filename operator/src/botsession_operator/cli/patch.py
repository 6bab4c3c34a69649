"""Change a session by what it is now: a change of somebody else in between is no reason to give up, or to be lost."""

from collections.abc import Callable
from typing import Any, Final

from botsession_operator.cli.cli_error import CliError, Conflict, Exit
from botsession_operator.cli.cluster_client import ClusterClient

Json = dict[str, Any]
#: How often a change is tried. The operator writes a status now and then; a person is not in its way five times.
MOST_TRIES: Final = 5


def change(cluster: ClusterClient, session: Json, patch_of: Callable[[Json], Json]) -> Json:
    """Return the session with its patch; where another change came first, the patch is made of a fresh read.

    Raise Problem where the session is gone, also where another one has its name by now, or changes all the time.
    """
    name, uid = session["metadata"]["name"], session["metadata"]["uid"]
    for _ in range(MOST_TRIES):
        try:
            return cluster.change(name, _with_uid(patch_of(session), uid))
        except Conflict:
            session = cluster.session(name)
            if session["metadata"]["uid"] != uid:
                raise CliError(Exit.NOT_FOUND, f"{name} is gone; another session has its name now") from None
    raise CliError(Exit.REFUSED, f"{name} changes all the time; try again")


def _with_uid(patch: Json, uid: str) -> Json:
    """Have the server refuse the patch for another session of the same name."""
    return {**patch, "metadata": {**patch.get("metadata", {}), "uid": uid}}
