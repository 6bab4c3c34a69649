"""What the operator has logged, as a list; and a process's loggers as they were before a test."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

Line = dict[str, Any]


@contextmanager
def captured() -> Iterator[list[Line]]:
    """Keep what is logged, and its fields, off the terminal."""
    lines: list[Line] = []

    def keep(message: "Message") -> None:
        record = message.record
        lines.append({**record["extra"], "event": record["message"], "level": record["level"].name.lower()})

    logger.configure(handlers=[{"sink": keep, "level": 0, "format": ""}], patcher=_without_exception)
    try:
        yield lines
    finally:
        logger.configure(handlers=[], patcher=lambda _: None)


@contextmanager
def restored() -> Iterator[None]:
    """Undo what a program under test sets for all logs of its process; begin without any."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, sys.unraisablehook)
    handlers, level = [*root.handlers], root.level
    logger.configure(handlers=[], patcher=lambda _: None)
    try:
        yield
    finally:
        logger.configure(handlers=[])
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def _without_exception(record: "Record") -> None:
    """Have no traceback made: source files would be read for it, which the loop may not wait for."""
    record["exception"] = None
