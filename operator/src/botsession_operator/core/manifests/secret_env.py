"""Rule: which of a bot's variables hold what came out of Secrets, so that its supervisor keeps them out of its report.

A variable is secret by a `secretKeyRef`, or because its value refers to one that is. Where all keys of a Secret become
variables their names are not known here; then the supervisor is told the names of those that are in the open.
"""

import re
from collections.abc import Iterable
from typing import Final

from botsession_operator.api.spec import Json

#: As the kubelet refers to a variable in the value of a later one.
_REFERENCE: Final = re.compile(r"\$\(([^()]+)\)")


def secret_names(env: Iterable[Json], env_from: Iterable[Json]) -> tuple[str, ...]:
    """Return the names of the variables that are known to hold a secret, in their order."""
    secret, _ = _partitioned(env, has_unknown=has_secrets(env_from))
    return tuple(secret)


def open_names(env: Iterable[Json], env_from: Iterable[Json]) -> tuple[str, ...] | None:
    """Return the names of the variables that the spec sets in the open; None where no Secret is taken as a whole."""
    if not has_secrets(env_from):
        return None
    _, in_the_open = _partitioned(env, has_unknown=True)
    return tuple(in_the_open)


def has_secrets(env_from: Iterable[Json]) -> bool:
    """Return whether all keys of a Secret become variables."""
    return any("secretRef" in source for source in env_from)


def _partitioned(env: Iterable[Json], *, has_unknown: bool) -> tuple[list[str], list[str]]:
    secret: list[str] = []
    in_the_open: list[str] = []
    for variable in env:
        refers_to = _REFERENCE.findall(str(variable.get("value", "")))
        may_be_secret = (name in secret or (has_unknown and name not in in_the_open) for name in refers_to)
        is_secret = "secretKeyRef" in variable.get("valueFrom", {}) or any(may_be_secret)
        (secret if is_secret else in_the_open).append(variable["name"])
    return secret, in_the_open
