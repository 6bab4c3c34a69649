"""Build paths of the Kubernetes API. Clients send an `ApiPath` only, so no other module builds one.

The API server decodes a path before it splits it, so even a quoted slash or percent sign would end a segment.
Kubernetes allows neither in a name, and neither does this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

#: What Kubernetes refuses in a segment of a path (IsValidPathSegmentName).
_NOT_SEGMENTS: Final = frozenset({"", ".", ".."})
_NOT_IN_SEGMENTS: Final = frozenset("/%")


class InvalidPathError(ValueError):
    """A text cannot be a segment of an API path."""


@dataclass(frozen=True, slots=True, init=False)
class ApiPath:
    """A quoted path and query. The only way to make one is from segments."""

    text: str

    def __init__(self, *segments: str, query: Mapping[str, str | None] | None = None) -> None:
        """Quote each segment and each value of the query, and leave out values that are None."""
        path = "".join(f"/{_segment(each)}" for each in segments)
        pairs = [f"{_quoted(name)}={_quoted(value)}" for name, value in (query or {}).items() if value is not None]
        object.__setattr__(self, "text", f"{path}?{'&'.join(pairs)}" if pairs else path)

    def __str__(self) -> str:
        return self.text


def _segment(text: str) -> str:
    if text in _NOT_SEGMENTS or not _NOT_IN_SEGMENTS.isdisjoint(text):
        raise InvalidPathError(f"{text!r:.100} cannot be part of an API path")
    return _quoted(text)


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as exc:  # half of a surrogate pair, which UTF-8 cannot encode
        raise InvalidPathError(f"{text!r:.100} cannot be part of an API path") from exc
