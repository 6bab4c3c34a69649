"""The name of a session: what the work queue holds, and what API paths are built from.

A name may come from an HTTP path, a pod's label or a command line. A `Key` always holds two names that Kubernetes would
accept, so no later step has to check them again.
"""

import re
from dataclasses import dataclass
from typing import Final

#: A DNS-1123 label. The patterns end with \Z, because $ also matches before a line break at the end.
_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAMESPACE: Final = re.compile(rf"{_LABEL}\Z")
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
#: A namespace is a DNS label. The CRD bounds a session's name by the same number, since it is a label's value too.
MAX_NAME_LENGTH: Final = 63


class InvalidKeyError(ValueError):
    """A namespace or a name is none that Kubernetes would accept for a session."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The name of a session. Raise InvalidKeyError if Kubernetes would not accept it."""

    namespace: str
    name: str

    def __post_init__(self) -> None:
        if not is_namespace(self.namespace):
            raise InvalidKeyError(f"{self.namespace!r:.100} is not a namespace: it must be a DNS-1123 label")
        if not is_session_name(self.name):
            raise InvalidKeyError(
                f"{self.name!r:.100} is not the name of a session: it must be a DNS-1123 subdomain of at most "
                f"{MAX_NAME_LENGTH} characters"
            )

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """One session, as distinct from an earlier or a later one of the same name."""

    key: Key
    uid: str


def parse_key(namespace: object, name: object) -> Key | None:
    """Return the key for a namespace and a name from outside; None if they are not valid."""
    try:
        return Key(namespace, name)  # type: ignore[arg-type]  # the constructor is the check
    except InvalidKeyError:
        return None


def is_namespace(text: object) -> bool:
    """Return whether Kubernetes would accept a text as a namespace."""
    return isinstance(text, str) and len(text) <= MAX_NAME_LENGTH and _NAMESPACE.match(text) is not None


def is_session_name(text: object) -> bool:
    """Return whether Kubernetes and the CRD would accept a text as the name of a session."""
    return isinstance(text, str) and len(text) <= MAX_NAME_LENGTH and _NAME.match(text) is not None
