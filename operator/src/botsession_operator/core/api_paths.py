"""Build paths of the Kubernetes API. No other place does: what a client sends is made from an `ApiPath` alone.

The API server takes a path apart after it has decoded it, so a slash or a percent sign that was quoted would still
end a segment there. Kubernetes allows neither in a name, and neither is allowed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

#: What Kubernetes itself refuses in a segment of a path (IsValidPathSegmentName).
_NOT_SEGMENTS: Final = frozenset({"", ".", ".."})
_NOT_IN_SEGMENTS: Final = frozenset("/%")


class InvalidPathError(ValueError):
    """A text cannot be a segment of an API path."""


@dataclass(frozen=True, slots=True, init=False)
class ApiPath:
    """A path and its query, quoted. There is no other way to make one than from its segments."""

    text: str

    def __init__(self, *segments: str, query: Mapping[str, str | None] | None = None) -> None:
        """Quote each segment and each value of the query; a value that is None is left out."""
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
    except UnicodeEncodeError as exc:  # half of a surrogate pair: no text at all
        raise InvalidPathError(f"{text!r:.100} cannot be part of an API path") from exc
