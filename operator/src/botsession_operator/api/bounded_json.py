"""Read JSON from the API server within bounds of depth and size.

The API server accepts objects that are nested 10,000 levels deep and 1.5 MB large. Python's parser fails on the first,
and needs hundreds of megabytes for a list of the second. One such object must not affect others. So this module cuts
out the parts of it that are too deep or too large before it parses the rest.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from botsession_operator.api.spec import Json

#: The most levels of objects and lists. A pod in a list has 16, and a session with the deepest body 40.
LEVELS: Final = 64
#: The largest spec or status, in bytes and in values. A value takes some 100 bytes of memory, and sixteen passes may
#: hold such a part at once. A list or an object counts twice, or the first of another list once. A spec can be larger
#: here than at admission, because the API server writes `<` as \u003c.
LARGEST_PART_BYTES: Final = 1024 * 1024
MAX_VALUES: Final = 96 * 1024

_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_TOKENS: Final = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_NO_MARKS: Final = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_BEFORE_VALUES: Final = (b",", b"[", b"{")
_OPENERS: Final = frozenset(b"[{")
_QUOTE: Final = ord('"')
#: The parts that are cut out if they are too large, and their greatest depth: in an item of a list, they are at three.
_PARTS: Final = frozenset({b'"spec"', b'"status"'})
_DEEPEST_PART: Final = 3
#: Only the API server uses this, and it is as large as the spec. So each cut removes it, too.
_FIELDS: Final = b'"managedFields"'
_LONGEST_NAME: Final = len(_FIELDS) + 1
_FIELDS_BEGIN: Final = _FIELDS + b":[{"
_FIELDS_END: Final = b"}]"
_SPEC: Final = b'"spec":'
#: Stands for a part that was cut out. It is not valid JSON, so no stored value can look like it.
_CUT_TEXT: Final = b"NaN"
_CUT: Final = object()


def read(raw: bytes, *, replacement: Any = None) -> Any:
    """Return the value of a response; raise ValueError if it is not JSON.

    An object, alone, in a list or in a watch event, has `replacement` in place of a spec or a status that was cut out.
    The managedFields of an object, alone or in an event, may be empty: no reader here uses them.
    """
    try:
        return _read(_without_managed_fields(raw), replacement)
    except ValueError:
        return _read(raw, replacement)


def _read(raw: bytes, replacement: Any) -> Any:
    return _read_cut(raw, replacement) if must_be_cut(raw) else json.loads(raw)


def _without_managed_fields(raw: bytes) -> bytes:
    """Return the text of an object with empty managedFields, which are a third of a pod's text; or the text as it is.

    The API server writes them without spaces, and before the spec: in a spec, the same words are the user's. They hold
    objects in objects, so the first list ends with them. If a text in them looks like that end, what is left is no
    JSON, since the rest of that text has a backslash.
    """
    begin = raw.find(_FIELDS_BEGIN)
    end = raw.find(_FIELDS_END, begin)
    if not 0 <= begin < end < raw.find(_SPEC):
        return raw
    return raw[: begin + len(_FIELDS_BEGIN) - 1] + raw[end + len(_FIELDS_END) - 1 :]


def must_be_cut(raw: bytes) -> bool:
    """Return whether a response is nested too deep, or large enough to have a part that is too large."""
    return _is_large(raw, 0, len(raw)) or is_nested_deeper(raw, LEVELS)


def is_nested_deeper(raw: bytes, levels: int) -> bool:
    """Return whether JSON has more levels of objects and lists, without parsing it or recursing."""
    if raw.count(b"[") + raw.count(b"{") <= levels:  # most sessions have fewer in all
        return False
    brackets = _brackets(raw)
    for _ in range(levels):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")  # the innermost level
    return bool(brackets)


def _brackets(raw: bytes) -> bytes:
    """Return the brackets of JSON that are in no string; of what is no JSON, those before a parser stops.

    A regular expression would take as long as the parser. This takes half of that.
    """
    # Without escaped backslashes and escaped quotes, each quote begins or ends a string.
    marks = raw.replace(rb"\\", b"").replace(rb"\"", b"").translate(_ONE_KIND, _NO_MARKS)
    return b"".join(marks.replace(b'""', b"").split(b'"')[::2])


def _is_large(raw: bytes, start: int, end: int) -> bool:
    # A comma stands between two values, and lists in lists need none. Those in strings count too, which only makes the
    # check stricter.
    return end - start > LARGEST_PART_BYTES or sum(raw.count(each, start, end) for each in _BEFORE_VALUES) > MAX_VALUES


def _read_cut(raw: bytes, replacement: Any) -> Any:
    document = json.loads(_without(raw, _spans_to_cut(raw)), parse_constant=lambda _: _CUT)
    for each in _objects(document):
        _replace_cuts(each, replacement)
    return document


def _spans_to_cut(raw: bytes) -> list[tuple[int, int]]:
    """Return the spans that are nested too deep, and those of each spec and status that is too large."""
    spans: list[tuple[int, int]] = []
    for start, end, depth, name in _closed(raw):
        if depth == LEVELS or _is_too_much(raw, start, end, depth, name):
            while spans and spans[-1][0] > start:  # that one is inside this one
                spans.pop()
            spans.append((start, end))
    return spans


def _is_too_much(raw: bytes, start: int, end: int, depth: int, name: bytes) -> bool:
    if name == _FIELDS:
        return depth <= _DEEPEST_PART + 1
    return depth <= _DEEPEST_PART and name in _PARTS and _is_large(raw, start, end)


def _closed(raw: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield all objects and lists in the order of their ends: span, depth, and the name before them.

    Raise ValueError if one has no end.
    """
    opened: list[tuple[int, bytes]] = []
    name_at = name_end = 0
    for token in _TOKENS.finditer(raw):
        start, end = token.span()
        if raw[start] == _QUOTE:
            name_at, name_end = start, end
        elif raw[start] in _OPENERS:
            opened.append((start, raw[name_at : min(name_end, name_at + _LONGEST_NAME)]))
        elif opened:
            began, name = opened.pop()
            yield began, end, len(opened), name
    if opened:  # the parser would notice only at the end, and recurse too deep before that
        raise ValueError("the JSON ends too early")


def _without(raw: bytes, spans: list[tuple[int, int]]) -> bytes:
    pieces, kept_to = [], 0
    for start, end in spans:
        pieces.append(raw[kept_to:start])
        kept_to = end
    return _CUT_TEXT.join([*pieces, raw[kept_to:]])


def _objects(document: Any) -> Iterator[Json]:
    """Yield the API objects in a response: itself, the items of a list, or the object of a watch event."""
    if not isinstance(document, dict):
        return
    items = document.get("items")
    inner = document.get("object")
    candidates = [*(items if isinstance(items, list) else ()), inner, document]
    yield from (each for each in candidates if isinstance(each, dict) and isinstance(each.get("metadata"), dict))


def _replace_cuts(each: Json, replacement: Any) -> None:
    """Replace the parts of an object in which something was cut out, and drop managedFields."""
    each["metadata"].pop("managedFields", None)
    for name in each.keys() - {"metadata", "items", "object"}:
        if _has_a_cut(each[name]):
            each[name] = replacement
    for name in [name for name, value in each["metadata"].items() if _has_a_cut(value)]:
        del each["metadata"][name]


def _has_a_cut(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_a_cut, value.values()))
    return any(map(_has_a_cut, value)) if isinstance(value, list) else value is _CUT
