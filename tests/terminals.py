"""A terminal for a program that draws on it: a pseudo-terminal, and the screen as a person would see it."""

import copy
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pyte

COLUMNS: Final = 100
LINES: Final = 24
#: How a person's shell would look just before.
PROMPT: Final = "$ botsession"
#: Far more than a program takes to draw; for a machine that is busy with something else.
PATIENCE_SECONDS: Final = 60
#: Between two looks.
TICK_SECONDS: Final = 0.1
#: Private mode of xterm: another screen, from which one comes back to what was there before.
ALTERNATE: Final = 1049
#: A title for the window, which no program here gives it.
END: Final = "the end"
#: Makes the pseudo-terminal the one that Ctrl-C comes from, as a shell does, and runs Python code. Whoever is run in
#: the background by a shell ignores Ctrl-C, and so would what these tests start.
_START: Final = """
import fcntl, signal, sys, termios
signal.signal(signal.SIGINT, signal.default_int_handler)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.argv = sys.argv[1:]
exec(sys.argv[0])
"""


Settings = list[Any]


class Screen(pyte.Screen):
    """A screen that has another one behind it, which pyte leaves out."""

    is_alternate = False
    _kept: Any = None

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """Show the other screen, empty."""
        if ALTERNATE in modes:
            self._kept, self.is_alternate = copy.deepcopy((self.buffer, self.cursor)), True
            self.erase_in_display(2)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """Show the first one again."""
        super().reset_mode(*modes, **kwargs)
        if ALTERNATE in modes and self._kept:
            is_hidden = self.cursor.hidden
            (self.buffer, self.cursor), self.is_alternate = self._kept, False
            self.cursor.hidden = is_hidden  # the cursor is shown or not on both alike
            self.dirty.update(range(self.lines))


class Terminal:
    """A person's view of a program, and their keyboard."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, slave: int, settings: Settings) -> None:
        self.screen = Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self._stream.feed(f"{PROMPT}\r\n".encode())
        self._process = process
        self._master = master
        self._slave = slave
        self._settings = settings

    @property
    def lines(self) -> list[str]:
        """Return what stands on the screen, without what is empty below."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._master, keys.encode())

    def terminate(self) -> None:
        """Send the program what `kill` sends."""
        self._process.terminate()

    def until(self, holds: Callable[[list[str]], object]) -> list[str]:
        """Look until something holds of the lines, and give them; fail where it never does."""
        self._watch(lambda: holds(self.lines))
        return self.lines

    def end(self) -> int:
        """Look until the program has ended and at what it left; give its exit code."""
        self._watch(lambda: self._process.poll() is not None)
        # The kernel hands on later what was written to a terminal, in its order: behind this there is nothing more.
        os.write(self._slave, f"\x1b]2;{END}\x07".encode())
        self._watch(lambda: self.screen.title == END)
        return self._process.wait()

    @property
    def is_as_it_was(self) -> bool:
        """Return whether it echoes, waits for Return and so on as it did before the program."""
        return termios.tcgetattr(self._slave) == self._settings

    def _watch(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "\n".join(["the screen is still this:", *self.lines])
            self._look()

    def _look(self) -> None:
        ready, _, _ = select.select([self._master], [], [], TICK_SECONDS)
        if ready:
            self._stream.feed(os.read(self._master, 65536))


@contextmanager
def terminal(code: str, **environment: str) -> Iterator[Terminal]:
    """Run Python code on a terminal of its own."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (LINES, COLUMNS))
    settings = termios.tcgetattr(slave)
    usual = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-c", _START, code],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**usual, "TERM": "xterm-256color", **environment},
        start_new_session=True,
    )
    try:
        yield Terminal(process, master, slave, settings)
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
