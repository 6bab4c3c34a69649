"""The operator's log: one line per event on standard output, as JSON for a log store or as text for a person.

All lines go through here: the operator's own, those of kopf, aiohttp, asyncio and the Kubernetes client, Python's
warnings, and the exception that ends the process. No traceback shows the values of variables.
"""

import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from botsession_contract.standard_logging import LIBRARY_LEVEL, exception_of, intercept, level_of
from botsession_contract.text import escape_controls

if TYPE_CHECKING:
    from loguru import Message, Record

#: Control characters that stay: tracebacks have several lines, and code in them may be indented by tabs.
LAYOUT: Final = "\n\t"
#: For the kind of the object that a line of kopf is about, the field of ours that names it.
OBJECT_FIELDS: Final = {"BotSession": "session", "Pod": "pod"}
RESET: Final = "\x1b[0m"
DIM: Final = "\x1b[2m"
COLOURS: Final = {"DEBUG": "\x1b[36m", "INFO": "\x1b[32m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m"}
OTHER_COLOUR: Final = "\x1b[1;31m"


class LogFormat(StrEnum):
    """How a line is written."""

    JSON = "json"  # one object a line
    CONSOLE = "console"  # text, coloured on a terminal


#: Returns the line of a record and the text of its exception.
Render = Callable[["Record", str], str]


def configure_log(log_format: LogFormat, level: str) -> None:
    """Write lines from this level on, and warnings of libraries, to standard output."""
    render = json_line if log_format is LogFormat.JSON else console_line
    lowest = logging.getLevelNamesMapping()[level.upper()]

    def write(message: "Message") -> None:
        sys.stdout.write(_rendered(render, message) + "\n")
        sys.stdout.flush()

    logger.configure(
        handlers=[
            {
                "sink": write,
                "level": lowest,
                "format": lambda _: "{exception}",  # the rest of a line is in its record
                "colorize": False,
                "backtrace": False,
                "diagnose": False,
            }
        ]
    )
    intercept(forward, max(lowest, LIBRARY_LEVEL))
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def silence_log() -> None:
    """Write no log, since the command line prints its own lines."""
    logger.configure(handlers=[])


def forward(record: logging.LogRecord, text: str) -> None:
    """Log a library's line, with its logger's name and the object that it is about."""
    log = logger.bind(logger=record.name, **_object_of(record))
    log.opt(exception=exception_of(record)).log(level_of(record), text)


def json_line(record: "Record", exception: str) -> str:
    """Return a record as a JSON object: its fields, `event`, `level`, `timestamp`, and any `exception`."""
    fields: dict[str, Any] = {
        **record["extra"],
        "event": record["message"],
        "level": record["level"].name.lower(),
        "timestamp": _timestamp(record),
    }
    if exception:
        fields["exception"] = exception
    readable = {name: _without_controls(value) for name, value in fields.items()}
    return json.dumps(readable, default=str, allow_nan=False)


def console_line(record: "Record", exception: str) -> str:
    """Return a record as a line for a person: time, level, event and fields, and below them the exception."""
    level, fields = record["level"].name, _console_fields(record["extra"])
    stamp, event = _timestamp(record), escape_controls(record["message"])
    below = f"\n{escape_controls(exception, LAYOUT)}" if exception else ""
    if not sys.stdout.isatty():
        return " ".join(filter(None, (stamp, f"[{level.lower():<8}]", event, fields))) + below
    colour = COLOURS.get(level, OTHER_COLOUR)
    return f"{DIM}{stamp}{RESET} {colour}[{level.lower():<8}]{RESET} {event} {DIM}{fields}{RESET}{below}"


def _rendered(render: Render, message: "Message") -> str:
    try:
        return render(message.record, str(message).strip())
    except Exception as exc:  # noqa: BLE001  # a field's own code may raise anything, and logging must not fail
        extra = {"error": type(exc).__name__}
        return render(message.record | {"message": "line could not be written", "extra": extra}, "")


def _timestamp(record: "Record") -> str:
    return record["time"].astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _without_controls(value: object) -> object:
    """Return a text with its control characters escaped, since bots' texts end up on terminals."""
    return escape_controls(value, LAYOUT) if isinstance(value, str) else value


def _console_fields(extra: Mapping[str, object]) -> str:
    values = {name: escape_controls(str(value)) for name, value in extra.items()}
    return " ".join(f"{name}='{value}'" if " " in value else f"{name}={value}" for name, value in values.items())


def _object_of(record: logging.LogRecord) -> dict[str, str]:
    found = getattr(record, "k8s_ref", None)
    if not isinstance(found, dict) or found.get("kind") not in OBJECT_FIELDS:
        return {}
    return {OBJECT_FIELDS[found["kind"]]: f"{found.get('namespace')}/{found.get('name')}"}


def _log_uncaught(kind: type[BaseException], value: BaseException | None, traceback: TracebackType | None) -> None:
    logger.opt(exception=(kind, value, traceback)).critical("uncaught exception")
