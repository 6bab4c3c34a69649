"""Forward what libraries log by Python's own `logging` to the log of the program that uses them.

This package does not know which library a program writes its log with: the program hands over a function.
"""

import contextlib
import logging
from collections.abc import Callable
from typing import Final

#: Takes the record of a library, and its text.
Forward = Callable[[logging.LogRecord, str], None]
#: Below this level, libraries log their own internal steps.
LIBRARY_LEVEL: Final = logging.WARNING
_NAMED: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class InterceptHandler(logging.Handler):
    """Forwards each record instead of writing it. A record that cannot be forwarded is lost, and raises nothing."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self._forward = forward

    def emit(self, record: logging.LogRecord) -> None:
        """Forward a record."""
        with contextlib.suppress(Exception):
            self._forward(record, text_of(record))


def intercept(forward: Forward, level: int = LIBRARY_LEVEL) -> None:
    """Forward all records of the standard library's loggers, and warnings. Nothing else writes them from then on."""
    logging.basicConfig(handlers=[InterceptHandler(forward)], level=level, force=True)
    logging.captureWarnings(capture=True)


def level_of(record: logging.LogRecord) -> str | int:
    """Return a record's level: its name where it is one that every log knows, else its number."""
    return record.levelname if record.levelname in _NAMED else record.levelno


def exception_of(record: logging.LogRecord) -> BaseException | None:
    """Return the exception that a record is about."""
    return record.exc_info[1] if record.exc_info else None


def text_of(record: logging.LogRecord) -> str:
    """Return what a record says; its bare text where its arguments do not fit it."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # an argument's own code may raise anything
        return str(record.msg)
