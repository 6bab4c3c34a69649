"""JSON for frozen dataclasses: camelCase keys, RFC 3339 times in UTC, enums by value, absent for None.

Payload classes stay plain data; `encode` and `decode` read their annotations. A wrong value raises `PayloadError` with
a sentence that names the field, so that an endpoint can hand it to its caller as it is.
"""

import dataclasses
import re
import types
import typing
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto
from typing import Any, TypeVar

T = TypeVar("T")


class PayloadError(ValueError):
    """A payload does not have the form it must have; the message is a sentence for its sender."""


class Unknown(Enum):
    """What to do with a key that the payload class does not have."""

    IGNORE = auto()  # between versions: a newer peer may say more
    REFUSE = auto()  # in requests: a misspelt field must not pass for an absent one


def encode(payload: Any) -> Any:
    """Give the JSON form of a payload; None members are left out."""
    if dataclasses.is_dataclass(payload) and not isinstance(payload, type):
        members = ((field.name, getattr(payload, field.name)) for field in dataclasses.fields(payload))
        return {camel(name): encode(value) for name, value in members if value is not None}
    if isinstance(payload, datetime):
        return format_time(payload)
    if isinstance(payload, StrEnum):
        return payload.value
    if isinstance(payload, list | tuple):
        return [encode(item) for item in payload]
    return payload


def decode(cls: type[T], data: Any, *, unknown: Unknown = Unknown.IGNORE, at: str = "") -> T:
    """Read a payload of `cls` from parsed JSON; raise PayloadError where it does not fit."""
    if not isinstance(data, dict):
        raise PayloadError(f"{at or 'the body'} must be a JSON object")
    hints = typing.get_type_hints(cls)
    fields = {camel(field.name): field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]  # T is one
    if unknown is Unknown.REFUSE and (extra := sorted(data.keys() - fields.keys())):
        raise PayloadError(f"unknown field {_path(at, extra[0])}; known are {', '.join(sorted(fields))}")
    values = {}
    for key, field in fields.items():
        if data.get(key) is not None:
            values[field.name] = _value(hints[field.name], data[key], unknown, _path(at, key))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise PayloadError(f"{_path(at, key)} is missing")
    return cls(**values)


def camel(name: str) -> str:
    """Turn a snake_case name into the camelCase of the Kubernetes API."""
    head, *tail = name.split("_")
    return head + "".join(_INITIALISMS.get(word, word.title()) for word in tail)


def format_time(moment: datetime) -> str:
    """Give an aware time as RFC 3339 in UTC with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time; a time without an offset is refused, since it could be anywhere's."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text):
        raise ValueError(f"{text!r} is not an RFC 3339 time")
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _value(hint: Any, raw: Any, unknown: Unknown, at: str) -> Any:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (member for member in typing.get_args(hint) if member is not type(None))
    if hint is Any:
        return raw
    if typing.get_origin(hint) is tuple:
        if not isinstance(raw, list):
            raise PayloadError(f"{at} must be a list")
        return tuple(_value(typing.get_args(hint)[0], item, unknown, f"{at}[{n}]") for n, item in enumerate(raw))
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast("type[Any]", hint), raw, unknown=unknown, at=at)
    return _scalar(hint, raw, at)


def _scalar(hint: Any, raw: Any, at: str) -> Any:
    if issubclass(hint, datetime):
        try:
            return parse_time(raw)
        except (TypeError, ValueError):
            raise PayloadError(f"{at} must be an RFC 3339 time such as 2026-01-31T09:30:00Z") from None
    if issubclass(hint, StrEnum):
        try:
            return hint(raw)
        except ValueError:
            raise PayloadError(f"{at} must be one of {', '.join(hint)}") from None
    if hint is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if not isinstance(raw, hint) or (isinstance(raw, bool) and hint is not bool):
        raise PayloadError(f"{at} must be of type {_JSON_NAMES[hint]}")
    return raw


def _path(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


#: Words that the Kubernetes API writes in capitals.
_INITIALISMS = {"ip": "IP"}
_JSON_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}
