"""Read single keys from the terminal, for a live view."""

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

#: Waits at most this many seconds for keys, and returns them; without a terminal it returns none.
Wait = Callable[[float], str]


@contextmanager
def pressed() -> Iterator[Wait]:
    """Read keys without Return and without echo; on exit, and after a SIGTERM, restore the terminal.

    Ctrl-C still interrupts.
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
        # Keys that were not read are dropped, since they were not meant for the shell.
        termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)
        signal.signal(signal.SIGTERM, handler)


def _leave(number: int, _frame: object) -> NoReturn:
    """Exit with a shell's code for the signal, through the `finally` that restores the terminal."""
    raise SystemExit(128 + number)


def _wait(keyboard: int, seconds: float) -> str:
    ready, _, _ = select.select([keyboard], [], [], seconds)
    # A closed terminal is always ready, and returns nothing.
    return (os.read(keyboard, 64).decode(errors="replace") or _no_keys(seconds)) if ready else ""


def _no_keys(seconds: float) -> str:
    time.sleep(seconds)
    return ""
