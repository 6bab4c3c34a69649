"""The hook's end of the connection with the supervisor."""

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import socket
import threading
import time
import weakref
from collections import deque
from typing import Any

#: `<fd>:<inode>:<pid of the supervisor>` of our end of a socket pair, for the process that the supervisor has started.
#: The inode tells a process that inherited only the variable that the number means something else there.
AGENT_FD_ENV = "BOTSESSION_AGENT_FD"
#: The write end of the pipe that takes stack dumps, for the same process.
STACK_FD_ENV = "BOTSESSION_STACK_FD"
#: For all other processes: the supervisor's socket, in Linux's abstract namespace, without the leading NUL…
AGENT_SOCKET_ENV = "BOTSESSION_AGENT_SOCKET"
#: …and the token that a process sends there first.
AGENT_TOKEN_ENV = "BOTSESSION_AGENT_TOKEN"  # noqa: S105  # the name of one
#: A file in which a process notes that it cannot connect. The session then goes on unwatched.
AGENT_MARK_ENV = "BOTSESSION_AGENT_MARK"
#: Real-time signals have no other users that we know of; the first few are taken by threading libraries.
DUMP_SIGNAL = signal.SIGRTMIN + 7
#: Events kept while the supervisor does not read. Beyond that the oldest are dropped, to bound the bot's memory.
LARGEST_BACKLOG = 1000
#: How long a new connection waits for the supervisor's first command, in seconds. It comes within milliseconds, unless
#: the supervisor still imports its modules. The bot's event loop is blocked meanwhile.
GREETING_SECONDS = 1.0


class IpcConnection:
    """Our end of a connection to the supervisor: JSON, one object a line, both ways. Never blocks."""

    def __init__(self, fd: int, *, is_inherited: bool = True) -> None:
        self._fd = fd
        #: A second object for the same descriptor, which `_fd` stays the owner of.
        self._socket = socket.socket(fileno=fd)
        self.is_inherited = is_inherited
        #: Whether the supervisor has sent anything. One that closes before that has refused the connection.
        self._is_accepted = is_inherited
        self._unsent: deque[bytes] = deque(maxlen=LARGEST_BACKLOG)
        self._unread = b""
        #: Pipelines may run in threads of their own, each of which sends events.
        self._lock = threading.Lock()
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)  # noqa: FBT003  # it takes no keywords
        _connections.add(self)

    def __del__(self) -> None:
        # The descriptor stays open, as one that was inherited does.
        self._socket.detach()

    def send(self, event: str, **fields: object) -> None:
        """Send an event. Its time is the system's monotonic clock, which the supervisor shares."""
        line = json.dumps({"event": event, "at": time.monotonic(), **fields}, default=str)
        with self._lock:
            self._unsent.append(line.encode() + b"\n")
            self._flush()

    def serve(self, loop: asyncio.AbstractEventLoop, handle_command: Any) -> None:
        """Call `handle_command` with each command that arrives; with None once the supervisor is gone."""
        if self._fd >= 0:
            loop.add_reader(self._fd, self._read, loop, handle_command)
            self._read(loop, handle_command)

    def authenticate(self, token: str) -> bool:
        """Send the token; return False if the supervisor has closed the connection."""
        try:
            self._socket.settimeout(GREETING_SECONDS)
            self._socket.sendall(token.encode() + b"\n")
            chunk = self._receive()
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            self._socket.settimeout(0.0)
        self._unread = chunk
        return self._is_accepted

    def abandon(self) -> None:
        """Leave the connection to the process that this one was forked from."""
        self._unsent.clear()
        self._fd = -1
        self._socket.close()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionError):
            while self._unsent and self._fd >= 0:
                sent = os.write(self._fd, self._unsent[0])
                rest = self._unsent.popleft()[sent:]
                if rest:
                    self._unsent.appendleft(rest)

    def _read(self, loop: asyncio.AbstractEventLoop, handle_command: Any) -> None:
        try:
            chunk = self._receive()
        except BlockingIOError:
            chunk = None
        except OSError:
            chunk = b""
        *lines, self._unread = (self._unread + (chunk or b"")).split(b"\n")
        for line in lines:
            handle_command(json.loads(line))
        if chunk == b"":
            loop.remove_reader(self._fd)
            if self._is_accepted:
                handle_command(None)
            return
        with self._lock:
            self._flush()

    def _receive(self) -> bytes:
        """Read what has arrived. The supervisor's first message carries the pipe for stack dumps."""
        chunk, fds, _, _ = socket.recv_fds(self._socket, 65536, 1)
        self._is_accepted = self._is_accepted or bool(chunk)
        for fd in fds:
            os.set_inheritable(fd, False)  # noqa: FBT003  # it takes no keywords
            _enable_dumps(self, fd)
        return chunk


#: Connections that a forked child must not use: the lines of two processes would get mixed.
_connections: "weakref.WeakSet[IpcConnection]" = weakref.WeakSet()


def _abandon_all() -> None:
    for connection in list(_connections):
        connection.abandon()
    _connections.clear()


os.register_at_fork(after_in_child=_abandon_all)


def connect() -> IpcConnection | None:
    """Return a connection to the supervisor, or None where there is no supervisor at the other end."""
    return _connect_inherited() or _connect_by_socket()


def mark_unreachable() -> None:
    """Write to the supervisor's file, and to the bot's log, that the hook here cannot reach the supervisor."""
    path = os.environ.get(AGENT_MARK_ENV)
    if path is None:
        return  # there is no supervisor
    mark = {"event": "unwatched", "at": time.monotonic(), "pid": os.getpid()}
    with contextlib.suppress(OSError), open(path, "ab", buffering=0) as file:  # noqa: PTH123  # it is no path of a file
        file.write(json.dumps(mark).encode() + b"\n")
    with contextlib.suppress(OSError):
        message = f"botsession: the hook was loaded in process {os.getpid()} and could not reach the supervisor"
        os.write(2, f"{message}: this pipeline is not watched\n".encode())


def _connect_inherited() -> IpcConnection | None:
    """Return the connection by the inherited socket pair, which only the bot's first process may use."""
    fd, inode, supervisor = (*os.environ.get(AGENT_FD_ENV, "").split(":"), "", "", "")[:3]
    try:
        is_ours = os.fstat(int(fd)).st_ino == int(inode)
        is_first = int(supervisor) == os.getppid() and os.getsid(0) == os.getpid()
    except (ValueError, OSError):
        return None
    return IpcConnection(int(fd)) if is_ours and is_first else None


def _connect_by_socket() -> IpcConnection | None:
    """Return a connection by socket, for a child process, or one behind a wrapper that closes descriptors."""
    address, token = os.environ.get(AGENT_SOCKET_ENV), os.environ.get(AGENT_TOKEN_ENV)
    if not address or not token:
        return None
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(GREETING_SECONDS)
    try:
        stream.connect(f"\0{address}")
    except OSError:
        stream.close()
        return None
    connection = IpcConnection(stream.detach(), is_inherited=False)
    if not connection.authenticate(token):
        connection.abandon()
        return None
    return connection


def register_dumps(connection: IpcConnection) -> None:
    """Take requests for stack dumps through the inherited pipe; other processes get a pipe over the connection."""
    fd = os.environ.pop(STACK_FD_ENV, None) if connection.is_inherited else None
    if fd is not None:
        os.set_inheritable(int(fd), False)  # noqa: FBT003  # as above
        _enable_dumps(connection, int(fd))


def _enable_dumps(connection: IpcConnection, fd: int) -> None:
    """Make a signal write stacks into a pipe, then tell the supervisor: an unregistered signal would kill."""
    faulthandler.register(DUMP_SIGNAL, file=fd, all_threads=True)
    connection.send("dumpable", pid=os.getpid(), signal=DUMP_SIGNAL, thread=threading.get_ident())
