"""Pokes that a stranger may send, and that were read as other API paths once."""

from typing import Final

#: Paths below the endpoint of pokes, for a live session `namespace/name`.
ATTACKS: Final = (
    # Reads the session, and looks for a pod of a name that does not exist: the session was recorded as lost.
    "{namespace}/{name}%3Fx",
    "{namespace}/{name}%23x",
    "{namespace}/{name}%3FresourceVersion=0",
    # Lists the pods of all sessions: each lost its finalizer.
    "..%2Fpods%3FlabelSelector=botsession.dev%2Fsession%26x=/y",
    "%2e%2e/x%3Fy%3B%26labelSelector=botsession.dev%2Fsession",
    "{namespace}/x%3Fy%3B%26labelSelector=botsession.dev%2Fsession",
    "{namespace}/x%26labelSelector=botsession.dev%2Fsession",
    "{namespace}/x,{name}",
    "{namespace}/x%2C{name}",
    # Leads to another object, or to a part of the session.
    "{namespace}/{name}%2Fstatus",
    "{namespace}%2Fbotsessions%2F{name}/status",
    "{namespace}/..%2F..%2F{namespace}%2Fbotsessions%2F{name}",
    "{namespace}%2F./{name}",
    "./{name}",
    # Differs from a name by what some parsers overlook.
    "{namespace}/{name}%0A",
    "{namespace}/{name}%00",
    "{namespace}/%20{name}",
    "{namespace}/{name}.",
    "{namespace}/{name}%E2%80%A8",
    "{namespace}/%EF%BD%81",
    "{namespace}/" + "a" * 64,
    "{namespace}/" + "a" * 2000,
    "{namespace}/" + "%252e" * 3,
    # Names no session that exists.
    "{namespace}/made-up",
    "made-up/{name}",
    "kube-system/{name}",
)


def attacks(namespace: str, name: str) -> list[str]:
    """Return the paths of all attacks on a session."""
    return [f"/v1/poke/{each.format(namespace=namespace, name=name)}" for each in ATTACKS]
