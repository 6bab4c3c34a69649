"""JSON for frozen dataclasses: camelCase keys, RFC 3339 times in UTC, enums by value, absent for None.

Payload classes stay plain data; `encode` and `decode` read their annotations. A wrong value raises `PayloadError` with
a sentence that names the field, so that an endpoint can hand it to its caller as it is. Nothing else is raised.
"""

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto
from typing import Any, Final, TypeVar

from botsession_contract.lifecycle import STAND_INS, WRITTEN_BY_READERS

T = TypeVar("T")

#: Times before and after these years are refused. The session's limits, a clock's error and a time zone can be added to
#: any time in between, twice, and the calendar still holds the sum.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
#: What is calculated from a time and written down is no later, or its readers would refuse it.
LAST_DAY: Final = datetime(LAST_YEAR, 12, 31, tzinfo=UTC)
#: In the metadata of a field: readers fill it in, and it is not part of the payload.
LOCAL: Final = {"is_local": True}
#: How many times are kept as they were read. An object has the same ones in each of its versions.
_MAX_TIMES: Final = 1024
#: Characters of a word of another version that are shown.
_LONGEST_WORD: Final = 64


class PayloadError(ValueError):
    """A payload does not have the form it must have; the message is a sentence for its sender."""


class CalendarError(ValueError):
    """A time is at one of the ends of the calendar, where nothing can be added to it."""


class Unknown(Enum):
    """What to do with a key that the payload class does not have, and with a word that an enum does not have."""

    IGNORE = auto()  # between versions: a newer peer may say more. A word becomes its enum's `Unknown`, see `word`
    REFUSE = auto()  # in requests: a misspelt field must not pass for an absent one


def encode(payload: Any) -> Any:
    """Return the JSON form of a payload; None members are left out."""
    write = _write_as(type(payload))  # type: ignore[arg-type]  # each class can be hashed
    return write(payload) if write else payload


def decode(cls: type[T], data: Any, *, unknown: Unknown = Unknown.IGNORE, at: str = "") -> T:
    """Return a payload of `cls` from parsed JSON; raise PayloadError where it does not fit."""
    return _Reader(unknown).payload(cls, data, at)


def decode_noting(cls: type[T], data: Any) -> tuple[T, tuple[str, ...]]:
    """Return a payload of a peer of any version, and a phrase for each of its words that this version does not know."""
    reader = _Reader(Unknown.IGNORE)
    payload = reader.payload(cls, data, "")
    return payload, tuple(reader.words)


def camel(name: str) -> str:
    """Return a snake_case name in the camelCase of the Kubernetes API."""
    head, *tail = name.split("_")
    return head + "".join(_INITIALISMS.get(word, word.title()) for word in tail)


def format_time(moment: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@functools.lru_cache(_MAX_TIMES)
def parse_time(text: str) -> datetime:
    """Return an RFC 3339 time; raise ValueError, and nothing else, for anything else.

    A time without an offset is refused, since it could be anywhere's; and one at the ends of the calendar, with which
    nothing can be calculated.
    """
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text[:_LONGEST_WORD]!r} is not an RFC 3339 time")
    moment = datetime.fromisoformat(text.upper())
    if FIRST_YEAR <= moment.year <= LAST_YEAR:
        moment = moment.astimezone(UTC)  # which may be in the year beside
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise CalendarError(f"{text[:_LONGEST_WORD]!r} is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return moment


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """The members of a payload class: fields' names by key; by name, how to read a field and whether it is required."""

    names: dict[str, str]
    reads: dict[str, "_Read"]
    required: frozenset[str]


@functools.cache
def _form(cls: type[Any]) -> _Form:
    """Return the form of a class. Its fields and type hints are examined once in a process, since that is slow."""
    fields = [field for field in dataclasses.fields(cls) if not field.metadata.get("is_local")]
    required = (each.name for each in fields if each.default is each.default_factory is dataclasses.MISSING)
    hints = typing.get_type_hints(cls)
    reads = {each.name: _read_as(hints[each.name]) for each in fields}
    return _Form({camel(each.name): each.name for each in fields}, reads, frozenset(required))


@functools.cache
def _write_as(cls: type[Any]) -> Callable[[Any], Any] | None:
    """Return the function that gives the JSON form of values of a class; None where they are their own."""
    if dataclasses.is_dataclass(cls):
        return functools.partial(_members, tuple(_form(cls).names.items()))
    if issubclass(cls, datetime):
        return format_time
    if issubclass(cls, StrEnum):
        return str
    return _items if issubclass(cls, list | tuple) else None


def _members(names: tuple[tuple[str, str], ...], payload: Any) -> dict[str, Any]:
    return {key: encode(value) for key, name in names if (value := getattr(payload, name)) is not None}


def _items(payload: list[Any] | tuple[Any, ...]) -> list[Any]:
    return [encode(item) for item in payload]


@functools.cache
def _read_as(hint: Any) -> "_Read":
    """Return the function that reads values of a type: with a reader, from a JSON value at a path."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (member for member in typing.get_args(hint) if member is not type(None))
    if hint is Any:
        return lambda _, raw, __: raw
    if typing.get_origin(hint) is tuple:
        read = _read_as(typing.get_args(hint)[0])
        return lambda reader, raw, at: tuple(reader.items(read, raw, at))
    if dataclasses.is_dataclass(hint):
        return lambda reader, raw, at: reader.payload(typing.cast("type[Any]", hint), raw, at)
    if issubclass(hint, StrEnum):
        return lambda reader, raw, at: reader.word(hint, raw, at)
    if issubclass(hint, datetime):
        return lambda _, raw, at: _time(raw, at)
    return lambda _, raw, at: _scalar(hint, raw, at)


@functools.cache
def _words(enum: type[StrEnum], unknown: Unknown) -> dict[str, StrEnum]:
    """Return the members that a payload may name, by their values."""
    known = (member for member in enum if unknown is Unknown.IGNORE or not _is_reserved(member))
    return {str(member): member for member in known}


class _UnknownWordError(PayloadError):
    """A word of another version, for which nothing in this one can stand."""


class _Reader:
    """Reads one payload, and keeps what it met that only another version knows."""

    def __init__(self, unknown: Unknown) -> None:
        self._unknown = unknown
        self.words: list[str] = []

    def payload(self, cls: type[T], data: Any, at: str) -> T:
        if not isinstance(data, dict):
            raise PayloadError(f"{at or 'the body'} must be a JSON object")
        form = _form(cls)  # type: ignore[arg-type]  # each class can be hashed
        if self._unknown is Unknown.REFUSE and (extra := sorted(data.keys() - form.names.keys())):
            raise PayloadError(f"unknown field {_path(at, extra[0])}; known are {', '.join(sorted(form.names))}")
        values = {}
        for key, name in form.names.items():
            if data.get(key) is None:
                if name in form.required:
                    raise PayloadError(f"{_path(at, key)} is missing")
                continue
            try:
                values[name] = form.reads[name](self, data[key], _path(at, key))
            except _UnknownWordError:
                if name in form.required:
                    raise
        return cls(**values)

    def items(self, read: "_Read", raw: Any, at: str) -> typing.Iterator[Any]:
        if not isinstance(raw, list):
            raise PayloadError(f"{at} must be a list")
        for number, item in enumerate(raw):
            try:
                yield read(self, item, f"{at}[{number}]")
            except _UnknownWordError:
                continue

    def word(self, enum: type[StrEnum], raw: Any, at: str) -> StrEnum:
        """Read a member. A word of another version becomes what stands for it, or is left out with what holds it."""
        words = _words(enum, self._unknown)
        if isinstance(raw, str) and raw in words:
            return words[raw]
        if self._unknown is Unknown.REFUSE or not isinstance(raw, str):
            raise PayloadError(f"{at} must be one of {', '.join(words)}")
        self.words.append(f"{at} {raw[:_LONGEST_WORD]}")
        stand_in = STAND_INS.get(enum)
        if stand_in is None:
            raise _UnknownWordError(f"{at} must be one of {', '.join(words)}")
        return stand_in


#: Reads a JSON value at a path.
_Read = Callable[[_Reader, Any, str], Any]


def _is_reserved(member: StrEnum) -> bool:
    """Return whether a member only stands for words of another version, so that no request may have it."""
    return type(member) in WRITTEN_BY_READERS and member is STAND_INS[type(member)]


def _time(raw: Any, at: str) -> datetime:
    try:
        return parse_time(raw)
    except CalendarError:
        raise PayloadError(f"{at} is not between the years {FIRST_YEAR} and {LAST_YEAR}") from None
    except (TypeError, ValueError):
        raise PayloadError(f"{at} must be an RFC 3339 time such as 2026-01-31T09:30:00Z") from None


def _scalar(hint: Any, raw: Any, at: str) -> Any:
    if not isinstance(raw, (int, float) if hint is float else hint) or (isinstance(raw, bool) and hint is not bool):
        raise PayloadError(f"{at} must be of type {_JSON_NAMES[hint]}")
    return _finite(raw, at) if hint is float else raw


def _finite(raw: float, at: str) -> float:
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise PayloadError(f"{at} must be a finite number")
    return number


def _path(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


#: `re.ASCII`: there are other digits, which `fromisoformat` takes in part.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
#: Words that the Kubernetes API writes in capitals.
_INITIALISMS = {"ip": "IP"}
_JSON_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}
