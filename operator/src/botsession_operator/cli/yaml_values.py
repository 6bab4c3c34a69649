"""Parse YAML into JSON values, as kubectl does, in bounded time. Each error is one sentence with its path.

PyYAML's own constructors are not used: they raise many kinds of errors, accept duplicate keys, and return dates, bytes
and sets, which JSON does not have. kubectl keeps a date as the text in the file.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from botsession_contract.bounded_json import LARGEST_WHOLE_NUMBER, SMALLEST_WHOLE_NUMBER

#: The number of values in one manifest, with aliases counted as the values they stand for.
MAX_VALUES: Final = 50_000
#: The depth of nested lists and maps.
MAX_LEVELS: Final = 64

_TAG: Final = "tag:yaml.org,2002:"
_YES: Final = frozenset({"true", "yes", "on"})
_OCTAL: Final = re.compile(r"([-+]?)0o?([0-7]+)")
#: A number in JSON and YAML 1.2 that PyYAML reads as a text.
_EXPONENT: Final = re.compile(r"[-+]?(?:\d+|\d+\.\d*|\.\d+)[eE][-+]?\d+")
#: No 64-bit number has more characters in any base.
_MOST_DIGITS: Final = 66
_KINDS: Final = {"binary": "binary data", "set": "a set", "omap": "an ordered map", "pairs": "a list of pairs"}


class YamlError(ValueError):
    """The text is no YAML that JSON can represent; the message is a sentence."""


class _Documents:
    """Converts the documents of one text, and counts their values."""

    def __init__(self) -> None:
        self._values = 0
        self._open: set[int] = set()

    def value(self, node: yaml.Node, path: str) -> Any:
        """Return the JSON value of a node."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise YamlError(f"has more than {MAX_VALUES} values, including those of its aliases")
        if len(self._open) > MAX_LEVELS:
            raise YamlError(f"is nested too deep: more than {MAX_LEVELS} levels")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, path)
        if id(node) in self._open:
            raise YamlError(_at(node, path, "is an alias of a value that contains it"))
        self._open.add(id(node))
        try:
            return self._sequence(node, path) if isinstance(node, yaml.SequenceNode) else self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _sequence(self, node: yaml.SequenceNode, path: str) -> list[Any]:
        _check_tag(node, path, "seq")
        return [self.value(each, f"{path}[{index}]") for index, each in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: str) -> dict[str, Any]:
        _check_tag(node, path, "map")
        members: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                for each in self._merged(value, path):
                    merged = {**each, **merged}
                continue
            name = _name(key, path)
            at = f"{path}.{name}".lstrip(".")
            if name in members:
                raise YamlError(_at(key, at, "appears twice"))
            members[name] = self.value(value, at)
        return {**merged, **members}

    def _merged(self, node: yaml.Node, path: str) -> Iterator[dict[str, Any]]:
        """Yield the maps that `<<` merges."""
        for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(each, yaml.MappingNode):
                raise YamlError(_at(node, path, "merges (<<) a value that is not a map"))
            yield self.value(each, path)


def read_documents(text: str) -> list[Any]:
    """Return the documents of a text as JSON values; raise YamlError, and no other error, for invalid YAML."""
    documents = _Documents()
    try:
        # Empty documents, and documents that are null, are left out.
        nodes = yaml.compose_all(text, yaml.SafeLoader)
        return [value for node in nodes if (value := documents.value(node, "")) is not None]
    except yaml.MarkedYAMLError as exc:
        said = ", ".join(each for each in (exc.context, exc.problem) if each)
        mark = exc.problem_mark or exc.context_mark
        raise YamlError(f"is not YAML: {f'line {mark.line + 1}: ' if mark else ''}{said}") from None
    except yaml.YAMLError as exc:
        raise YamlError(f"is not YAML: {' '.join(str(exc).split())}") from None
    except RecursionError:
        raise YamlError("is nested too deep") from None


def _name(key: yaml.Node, path: str) -> str:
    """Return the name of a member. For a number or a boolean, it is the text in the file, as in kubectl."""
    if not isinstance(key, yaml.ScalarNode):
        raise YamlError(_at(key, path, "has a list or a map as a key"))
    value = _scalar(key, f"{path} (a key)".strip())
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(key.value if not isinstance(value, str) else value) if value is not None else "null"


def _scalar(node: yaml.ScalarNode, path: str) -> Any:
    text: str = node.value
    match node.tag.removeprefix(_TAG):
        case "str" if node.style is None and _EXPONENT.fullmatch(text):
            return _float(node, path)
        case "str" | "timestamp" | "value":
            return _text(node, path)
        case "null":
            return None
        case "bool":
            return text.lower() in _YES
        case "int":
            return _whole(node, path)
        case "float":
            return _float(node, path)
        case kind:
            raise YamlError(_at(node, path, f"is {_KINDS.get(kind, f'of the unknown type {node.tag}')}"))


def _text(node: yaml.ScalarNode, path: str) -> str:
    r"""Return a text. JSON writes a character beyond the first 65536 as two escapes, `\ud83d\ude00`."""
    try:
        return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise YamlError(_at(node, path, "has half of a surrogate pair, which is not a character")) from None


def _whole(node: yaml.ScalarNode, path: str) -> int | str:
    text = node.value.replace("_", "")
    if ":" in text:
        return str(node.value)  # a time of day: kubectl does not read numbers of base 60
    octal = _OCTAL.fullmatch(text)
    try:
        number = int(octal[1] + octal[2], 8) if octal else int(text[:_MOST_DIGITS], 0)
    except ValueError:
        raise YamlError(_at(node, path, "is not a whole number of at most 64 bits")) from None
    if len(text) > _MOST_DIGITS or not SMALLEST_WHOLE_NUMBER <= number <= LARGEST_WHOLE_NUMBER:
        raise YamlError(_at(node, path, "is not a whole number of at most 64 bits"))
    return number


def _float(node: yaml.ScalarNode, path: str) -> float | str:
    text = node.value.replace("_", "").lower()
    if ":" in text:
        return str(node.value)
    try:
        number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        raise YamlError(_at(node, path, "is not a number")) from None
    if not math.isfinite(number):
        raise YamlError(_at(node, path, "is not a number that JSON allows"))
    return number


def _check_tag(node: yaml.Node, path: str, expected: str) -> None:
    kind = node.tag.removeprefix(_TAG)
    if kind != expected:
        raise YamlError(_at(node, path, f"is {_KINDS.get(kind, f'of the unknown type {node.tag}')}"))


def _at(node: yaml.Node, path: str, what: str) -> str:
    return f"{path or 'the manifest'} {what} (line {node.start_mark.line + 1})"
