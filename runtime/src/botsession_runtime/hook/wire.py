"""Our end of what connects the bot's process with the supervisor."""

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import threading
import time
from collections import deque
from typing import Any

#: `<fd>:<inode>` of our end of the socket pair. The inode tells a process that inherited only the variable, as a bot's
#: own subprocess does, that the number means something else there.
AGENT_FD_ENV = "BOTSESSION_AGENT_FD"
#: The write end of the pipe that takes stack dumps.
STACK_FD_ENV = "BOTSESSION_STACK_FD"
#: Real-time signals have no other users that we know of; the first few are taken by threading libraries.
DUMP_SIGNAL = signal.SIGRTMIN + 7
#: Events kept while the supervisor does not read. Beyond that the oldest go: the bot's memory is not ours to fill.
LARGEST_BACKLOG = 1000


class Wire:
    """Our end of the socket pair: JSON, one object a line, both ways. Never blocks."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unsent: deque[bytes] = deque(maxlen=LARGEST_BACKLOG)
        self._unread = b""
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)  # noqa: FBT003  # it takes no keywords

    def tell(self, event: str, **facts: object) -> None:
        """Send an event. Its time is the system's monotonic clock, which the supervisor shares."""
        line = json.dumps({"event": event, "at": time.monotonic(), **facts}, default=str)
        self._unsent.append(line.encode() + b"\n")
        self._flush()

    def listen(self, loop: asyncio.AbstractEventLoop, obey: Any) -> None:
        """Hand each order that arrives to `obey`, first those that are there already; None: the supervisor is gone."""
        loop.add_reader(self._fd, self._read, loop, obey)
        self._read(loop, obey)

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionError):
            while self._unsent:
                sent = os.write(self._fd, self._unsent[0])
                rest = self._unsent.popleft()[sent:]
                if rest:
                    self._unsent.appendleft(rest)

    def _read(self, loop: asyncio.AbstractEventLoop, obey: Any) -> None:
        try:
            chunk = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            loop.remove_reader(self._fd)
            obey(None)
            return
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            obey(json.loads(line))
        self._flush()


def connect() -> Wire | None:
    """Open the wire, or None where there is no supervisor at the other end."""
    fd, _, inode = os.environ.get(AGENT_FD_ENV, "").partition(":")
    try:
        is_ours = os.fstat(int(fd)).st_ino == int(inode)
    except (ValueError, OSError):
        return None
    return Wire(int(fd)) if is_ours else None


def register_dumps(wire: Wire) -> None:
    """Let the supervisor ask for a stack dump, and tell it that it may: unregistered, the signal would kill."""
    fd = os.environ.pop(STACK_FD_ENV, None)
    if fd is not None:
        os.set_inheritable(int(fd), False)  # noqa: FBT003  # as above
        faulthandler.register(DUMP_SIGNAL, file=int(fd), all_threads=True)
        wire.tell("dumpable", pid=os.getpid(), signal=DUMP_SIGNAL, thread=threading.get_ident())
