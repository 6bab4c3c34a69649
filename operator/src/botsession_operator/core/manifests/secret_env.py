"""Rule: which of a bot's variables come from Secrets, so that its supervisor redacts their values.

A variable is secret if it has a `secretKeyRef`, or if its value refers to a secret variable. If all keys of a Secret
become variables (`envFrom`), their names are not known here. Then the supervisor gets the names that are not secret.
"""

import re
from collections.abc import Iterable
from typing import Final

from botsession_operator.api.spec import Json

#: A reference to an earlier variable, as the kubelet expands it.
_REFERENCE: Final = re.compile(r"\$\(([^()]+)\)")


def secret_names(env: Iterable[Json], env_from: Iterable[Json]) -> tuple[str, ...]:
    """Return the names of the variables that are known to be secret, in order."""
    secret, _ = _partitioned(env, has_unknown=has_secrets(env_from))
    return tuple(secret)


def open_names(env: Iterable[Json], env_from: Iterable[Json]) -> tuple[str, ...] | None:
    """Return the names of the variables that are not secret; None if no whole Secret becomes variables."""
    if not has_secrets(env_from):
        return None
    _, in_the_open = _partitioned(env, has_unknown=True)
    return tuple(in_the_open)


def has_secrets(env_from: Iterable[Json]) -> bool:
    """Return whether all keys of some Secret become variables."""
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
