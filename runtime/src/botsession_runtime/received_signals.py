"""Receives the signals that a supervisor acts on, one at a time, so that a flood of signals cannot block its loop.

They stay blocked in every thread, where the kernel keeps one of each kind, and one thread takes them out. asyncio's own
handlers write a byte for each signal and read on while there is one, so a bot that sends without a pause would keep
the event loop in that reading for ever.

Imported before the bot is started, and by a Python that may be too old for it, so it costs little: no asyncio.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

#: What ends a session. Both mean the same.
TERMINATING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
#: All that a supervisor acts on. SIGCHLD means that a child may be dead.
SIGNALS: Final = TERMINATING | {signal.SIGCHLD}
#: The least time between two signals that are handled, in seconds. The kernel merges equal ones meanwhile.
PAUSE_SECONDS: Final = 0.01


def block_signals() -> None:
    """Block the signals in this thread, in its new threads and in a program that it executes. None gets lost."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


@contextlib.contextmanager
def unblocked_signals(early_signals: list[int]) -> Iterator[None]:
    """Unblock the signals and collect them meanwhile, since a new process inherits the blocked ones."""
    for number in SIGNALS:
        signal.signal(number, lambda arrived, _frame: early_signals.append(arrived))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        yield
    finally:
        block_signals()


def watch(loop: asyncio.AbstractEventLoop, on_signal: Callable[[int], None]) -> None:
    """Call `on_signal` in the loop with each signal that is taken, until the loop is closed."""
    threading.Thread(target=_receive, args=(loop, on_signal), name="signals", daemon=True).start()


def _receive(loop: asyncio.AbstractEventLoop, on_signal: Callable[[int], None]) -> None:
    done = threading.Event()

    def act(number: int) -> None:
        try:
            on_signal(number)
        finally:
            done.set()

    while True:
        number = signal.sigwait(SIGNALS)
        try:
            loop.call_soon_threadsafe(act, number)
        except RuntimeError:  # the loop is closed: the session is over
            return
        done.wait()
        done.clear()
        time.sleep(PAUSE_SECONDS)
