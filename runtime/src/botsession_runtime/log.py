"""The supervisor's own log lines: for `kubectl logs`, beside whatever the bot writes there.

The bot has the same standard error. It may fill that pipe, or make it non-blocking, and the supervisor must not wait
for it: a thread writes the lines, and what it cannot keep up with is dropped and counted. The thread also takes secrets
out, since a line may quote an exception of the bot. What aiohttp, asyncio and Python's warnings say goes the same way.
"""

import contextlib
import logging
import os
import queue
import select
import threading
from collections.abc import Callable
from typing import Any, Final

from loguru import logger

from botsession_contract.standard_logging import exception_of, intercept, level_of
from botsession_contract.text import escape_controls

#: Log lines by event. None of them quotes what was said in the conversation.
EVENT_MESSAGES: Final = {
    "hooked": "hook loaded by pipecat {pipecat}",
    "listening": "listening for a caller on port {port}",
    "called": "caller connected",
    "started": "pipeline started",
    "client": "client connected",
    "sounded": "first sound of the bot",
    "left": "client left",
    "errors": "{count} errors of {processor}: {message}",
    "finished": "pipeline finished: {frame}",
    "timeout": "pipecat timed out waiting for {what}",
    "idle": "pipecat's idle timeout fired",
    "failed": "bot unusable: {message}",
    "crashed": "bot raised {message}",
    "advice": "{message}",
    "trouble": "hook error: {message}",
}
STDERR: Final = 2
#: Lines that wait to be written. A stack dump is one line of them.
MAX_WAITING: Final = 1000
#: How long the end of a session waits for its last lines to be written, in seconds.
FLUSH_SECONDS: Final = 1.0


class LineWriter:
    """Writes lines to a descriptor from a thread of its own; `write` returns at once, whatever becomes of the line."""

    def __init__(self, fd: int = STDERR) -> None:
        self._fd = fd
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        #: How many lines were dropped.
        self.dropped = 0
        #: Takes secrets out of a line; known once the launch is.
        self.redact: Callable[[str], str] = str
        # A bot may have taken all threads of its pod. Then there is no log, and the session goes on.
        with contextlib.suppress(RuntimeError):
            self._thread.start()

    def write(self, text: str) -> None:
        """Queue a text for writing, without secrets, its control characters escaped."""
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Wait until the queued lines are written, but no longer than FLUSH_SECONDS."""
        try:
            self._waiting.put(None, timeout=FLUSH_SECONDS)
        except queue.Full:
            return
        if self._thread.is_alive():
            self._thread.join(FLUSH_SECONDS)

    def _write_all(self) -> None:
        while (text := self._waiting.get()) is not None:
            self._write(self._printable(text))

    def _printable(self, text: str) -> bytes:
        try:
            return escape_controls(self.redact(text), keep="\n\t").encode()
        except Exception as exc:  # noqa: BLE001  # a missing line is better than a secret in the log
            return f"botsession: a line could not be shown ({type(exc).__name__})\n".encode()

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                select.select([], [self._fd], [])
            except OSError:
                return


def configure_log() -> LineWriter:
    """Log to stderr, one line an event, marked as ours: the bot writes to the same stream."""
    line = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} | {level: <7} | botsession: {message}"
    writer = LineWriter()
    # A traceback that shows the values of variables would show what callers say.
    logger.configure(
        handlers=[
            {
                "sink": writer.write,
                "level": "INFO",
                "format": line,
                "colorize": False,
                "backtrace": False,
                "diagnose": False,
            }
        ]
    )
    intercept(_forward)
    return writer


def _forward(record: logging.LogRecord, text: str) -> None:
    """Log the record of a library."""
    logger.opt(exception=exception_of(record)).log(level_of(record), f"{record.name}: {text}")


def log_event(event: dict[str, Any]) -> None:
    """Log an event from the bot's process, where it is worth a line."""
    if line := EVENT_MESSAGES.get(event["event"]):
        logger.info(line.format_map(event))
