"""Reads lines from a socket whose other end is not trusted: little at a time, and never more than fits."""

import socket
from collections.abc import Iterator
from typing import Final

#: What one callback reads. The shortest events make some 300 lines of it, which take milliseconds: timers, signals and
#: requests have their turn between two reads, however much there is to read.
READ_BYTES: Final = 8192
#: The longest line that is an event: twenty task names, or a message, with each character written as JSON's longest.
MAX_LINE_LENGTH: Final = 256 * 1024
#: What is read when the bot is gone, at most: more than a socket holds.
MAX_TAIL_BYTES: Final = 512 * 1024


class LineReader:
    """Splits what arrives into lines. A longer line than an event can be is dropped up to its end."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source
        self._begun = bytearray()
        self._is_dropping = False
        #: How many lines were too long.
        self.dropped = 0
        #: Nothing more can come.
        self.is_at_end = False

    def read(self) -> list[bytes] | None:
        """Return the lines that one read completes; None where there is nothing to read now, or ever again."""
        try:
            chunk = self._source.recv(READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            chunk = b""
        self.is_at_end = not chunk
        return list(self._split(chunk)) if chunk else None

    def read_rest(self) -> Iterator[bytes]:
        """Return the lines that are there already, up to a bound: what the bot left may go on writing."""
        for _ in range(MAX_TAIL_BYTES // READ_BYTES):
            lines = self.read()
            if lines is None:
                return
            yield from lines

    def take_dropped(self) -> int:
        """Return how many lines were too long since this was last asked."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    def _split(self, chunk: bytes) -> Iterator[bytes]:
        *ended, begun = chunk.split(b"\n")
        for part in ended:
            if line := self._ended(part):
                yield line
        self._go_on(begun)

    def _ended(self, part: bytes) -> bytes:
        self._go_on(part)
        line = b"" if self._is_dropping else bytes(self._begun)
        self._begun.clear()
        self._is_dropping = False
        return line

    def _go_on(self, part: bytes) -> None:
        if len(self._begun) + len(part) > MAX_LINE_LENGTH and not self._is_dropping:
            self._is_dropping = True
            self._begun.clear()
            self.dropped += 1
        if not self._is_dropping:
            self._begun += part
