"""Keys, as they are pressed, for a view that somebody watches."""

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

#: Waits at most so many seconds for keys, and gives them; none without a terminal.
Wait = Callable[[float], str]


@contextmanager
def pressed() -> Iterator[Wait]:
    """Hear keys without Return, and do not show them; the terminal is then as it was, after a SIGTERM too.

    Ctrl-C stays what it is.
    """
    if not sys.stdin.isatty():
        yield _no_keys
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    handler = signal.signal(signal.SIGTERM, _leave)
    tty.setcbreak(keyboard)
    try:
        yield lambda seconds: _wait(keyboard, seconds)
    finally:
        # What was typed and not read is dropped: it was not meant for the shell.
        termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)
        signal.signal(signal.SIGTERM, handler)


def _leave(number: int, _frame: object) -> NoReturn:
    """Leave as a shell would say that a signal ended it, but by way of what has to be put back."""
    raise SystemExit(128 + number)


def _wait(keyboard: int, seconds: float) -> str:
    ready, _, _ = select.select([keyboard], [], [], seconds)
    # A terminal that has gone is always ready, and has nothing.
    return (os.read(keyboard, 64).decode(errors="replace") or _no_keys(seconds)) if ready else ""


def _no_keys(seconds: float) -> str:
    time.sleep(seconds)
    return ""
