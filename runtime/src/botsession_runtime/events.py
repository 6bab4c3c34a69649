"""Checks what the bot's processes write to the supervisor: a line becomes an event of known fields and types.

The bot's own code has the same descriptor as the hook, so anything may come: other types, no numbers, huge texts.
A line that is no event is refused; a text that is too long is cut, and a time that cannot be is moved to one that can.
"""

import json
import math
from collections.abc import Callable
from typing import Any, Final

from botsession_contract.lifecycle import Farewell, ProcessorKind, Step
from botsession_contract.report import MAX_TASK_NAMES
from botsession_runtime.hook.ipc import DUMP_SIGNAL
from botsession_runtime.session_state import LARGEST_COUNT, Speech

Event = dict[str, Any]
#: Takes a value of an event's field; raises ValueError or TypeError for one that it cannot be.
Check = Callable[[Any], Any]

#: As in `hook.formatting`: the report is cut shorter, after secrets are taken out.
MAX_TEXT_LENGTH: Final = 4000
MAX_NAME_LENGTH: Final = 1000
LARGEST_THREAD: Final = 2**64 - 1
#: Linux's bound on process ids. 0, -1 and 1 would be a group, everybody and the supervisor.
SMALLEST_PID, LARGEST_PID = 2, 2**22


class NoEventError(ValueError):
    """A line is no event."""


def read_event(line: bytes, earliest: float, latest: float) -> Event | None:
    """Return the event in a line, None where this version does not know it; raise NoEventError where there is none.

    Its time lies between the two given, of the monotonic clock: nothing has happened before the start or after now.
    """
    try:
        data = json.loads(line)
        fields = _FIELDS.get(data["event"])
        if fields is None:
            return None
        return _checked(data, fields) | {"at": min(max(_time(data["at"]), earliest), latest)}
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise NoEventError from exc


def _checked(data: Event, fields: dict[str, Check]) -> Event:
    return {"event": data["event"], **{name: check(data.get(name)) for name, check in fields.items()}}


def _time(value: Any) -> float:
    # A number too large for a float is an OverflowError, which is no ValueError.
    if type(value) not in (int, float) or (type(value) is int and value.bit_length() > 64) or math.isnan(value):
        raise ValueError
    return float(value)


def _flag(value: Any) -> bool:
    return bool(value)


def _text(longest: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        return value[:longest]

    return check


def _whole(smallest: int, largest: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is not int or not smallest <= value <= largest:
            raise ValueError
        return value

    return check


def _one_of(values: Any) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in frozenset(values):
            raise ValueError
        return value

    return check


def _perhaps(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _names(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError
    return [_name(each) for each in value[:MAX_TASK_NAMES]]


_name: Final = _text(MAX_NAME_LENGTH)
_message: Final = _text(MAX_TEXT_LENGTH)
_count: Final = _whole(0, LARGEST_COUNT)
_number: Final = _perhaps(_count)

#: Each event with its fields, as the hook and the launcher write them.
_FIELDS: Final[dict[str, dict[str, Check]]] = {
    "hooked": {"pipecat": _perhaps(_name)},
    "imported": {},
    "dumpable": {
        "pid": _whole(SMALLEST_PID, LARGEST_PID),
        "signal": _whole(DUMP_SIGNAL, DUMP_SIGNAL),
        "thread": _whole(0, LARGEST_THREAD),
    },
    "listening": {"port": _perhaps(_whole(0, 65535))},
    "called": {},
    "setup": {"root": _number, "runner": _number, "name": _perhaps(_name), "transport": _flag},
    "started": {"root": _number, "clients": _flag, "transport": _flag},
    "client": {},
    "left": {},
    "farewell": {"refused": _perhaps(_one_of(Farewell)), "state": _perhaps(_one_of(Speech))},
    "active": {},
    "prompted": {},
    "advice": {"message": _message},
    "idle": {},
    "timeout": {"what": _name},
    "hop": {
        "root": _number,
        "frame": _name,
        "reason": _perhaps(_message),
        "ours": _flag,
        "held_by": _perhaps(_name),
        "out": _flag,
    },
    "progress": {},
    "speaks": {"root": _number},
    "finished": {
        "root": _number,
        "frame": _name,
        "reason": _perhaps(_message),
        "ours": _flag,
        "helpers": _flag,
    },
    "took": {"step": _one_of(Step)},
    "failed": {"message": _message},
    "crashed": {"message": _message},
    "quit": {"message": _perhaps(_message)},
    "error": {"message": _message, "fatal": _flag, "unusable": _perhaps(_name)},
    "audio": {"output": _flag},
    "sounded": {},
    "turns": {"bot": _count, "caller": _count},
    "errors": {
        "kind": _one_of(ProcessorKind),
        "processor": _perhaps(_name),
        "category": _perhaps(_name),
        "count": _count,
        "message": _message,
    },
    "ended": {"reason": _perhaps(_message)},
    "over": {},
    "serving": {},
    "returned": {},
    "dangling": {"count": _perhaps(_count), "managed": _perhaps(_count), "names": _names},
    "trouble": {"message": _message},
    "unwatched": {"pid": _whole(1, LARGEST_PID)},
}
