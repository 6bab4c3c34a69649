"""The connections of the hook: a socket pair for the process that the supervisor started, a Unix socket for all others.

Any process may find the socket, so nothing is sent before the token, and a process that does not descend from this
one is refused even with the token. The bot itself may be hostile: the number of connections, what is read of each,
and the time for the token are bounded.
"""

import asyncio
import contextlib
import json
import os
import select
import socket
import struct
from collections.abc import Callable, Iterator
from hmac import compare_digest
from typing import Any, Final

from loguru import logger

from botsession_runtime import processes
from botsession_runtime.bot_process import SETUP_FILES_ENV, Bot, HookSocket
from botsession_runtime.event_intake import Intake
from botsession_runtime.events import Event, NoEventError, read_event
from botsession_runtime.line_reader import LineReader
from botsession_runtime.process_merge import Dumpable, Sources

#: Processes of a bot that are listened to at once, and connections that have not sent the token yet.
MAX_PROCESSES: Final = 64
MAX_PENDING: Final = 16
#: How many have been listened to in all: each leaves something behind here, for the report.
MAX_ACCEPTED_EVER: Final = 4096
#: What is accepted in one turn of the event loop.
MAX_ACCEPTED: Final = 16
#: How long a connection may take for its token, in seconds.
TOKEN_SECONDS: Final = 10.0
#: How long nothing is accepted when the kernel has no descriptor for it, in seconds.
PAUSE_SECONDS: Final = 1.0
#: How often the supervisor checks whether the hook has written its mark, in seconds, and how much it reads of it.
MARK_SECONDS: Final = 1.0
MAX_MARK_BYTES: Final = 4096
MAX_PROGRAM_LENGTH: Final = 40
#: Processes whose stacks are asked for before a kill.
MAX_DUMPS: Final = 4
#: `struct ucred`: pid, uid, gid.
_CREDENTIALS: Final = struct.Struct("3i")

#: Called with the events of one read, and with an empty list after a connection has ended.
OnEvents = Callable[[list[Event]], None]


class HookConnections:
    """The events of all the bot's processes as those of one session, and the way to send them commands."""

    def __init__(self, bot: Bot, began: float, on_events: OnEvents) -> None:
        self._bot = bot
        self._on_events = on_events
        self._intake = Intake(began)
        self._sources = Sources()
        self._main = _Connection(bot.agent, bot.pid or 0, 0)
        #: All that have sent the token, and the first process.
        self._connections: list[_Connection] = [self._main]
        self._pending: list[_PendingConnection] = []
        self._accepted_count = 0
        #: The last connection of each process.
        self._numbers: dict[int, int] = {}
        #: The commands that each process gets when it connects.
        self._greeting: tuple[dict[str, Any], ...] = ()
        self._is_closed = False
        self._began = began
        self._has_seen_mark = bot.mark < 0
        self._has_seen_unhooked = False

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen to what comes, from now on."""
        self._loop = loop
        self._start_reading(self._main)
        if self._bot.hooks:
            self._bot.hooks.listener.settimeout(0.0)
            loop.add_reader(self._bot.hooks.listener, self._accept, self._bot.hooks)
        loop.call_later(MARK_SECONDS, self._check_unwatched)

    def greet_with(self, *commands: dict[str, Any]) -> None:
        """Set the commands that each process gets which connects from now on."""
        self._greeting = commands

    def send(self, command: dict[str, Any]) -> None:
        """Send a command to all processes. For one that does not read, the ladder's next step follows."""
        line = _line(command)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.socket.send(line)

    def drain(self) -> Iterator[Event]:
        """Stop listening, and return the events of all processes that have arrived."""
        self.close()
        if self._bot.hooks:
            self._accept(self._bot.hooks)
        for connection in self._connections:
            yield from self._merged(connection, self._intake.read_rest(connection.reader, self._loop.time()))
        yield from self._sources.deferred_crash()
        yield from self._read_mark()

    def close(self) -> None:
        """Stop listening. Nothing answers a process that connects later."""
        if self._is_closed:
            return
        self._is_closed = True
        for each in [each.socket for each in self._connections] + [each.socket for each in self._pending]:
            self._loop.remove_reader(each)
        if self._bot.hooks:
            self._loop.remove_reader(self._bot.hooks.listener)

    @property
    def refused(self) -> int:
        """How many lines were no events."""
        return self._intake.refused

    def dumpables(self) -> list[Dumpable]:
        """Return the processes of the bot that can be asked for their stacks."""
        return [each for each in self._sources.dumpables() if processes.is_ours(each.pid)][:MAX_DUMPS]

    # Processes without the hook.

    def _check_unwatched(self) -> None:
        """Report a process in which the hook cannot connect, or into which Pipecat cannot load it; again and again."""
        if self._is_closed or self._has_seen_mark or self._sources.is_hooked:
            return
        self._loop.call_later(MARK_SECONDS, self._check_unwatched)
        found = self._read_mark() or self._find_unhooked()
        if found:
            self._on_events(found)

    def _find_unhooked(self) -> list[Event]:
        if self._has_seen_unhooked or (found := processes.python_without(SETUP_FILES_ENV)) is None:
            return []
        self._has_seen_unhooked = True
        said = f"process {found[0]} ({found[1][:MAX_PROGRAM_LENGTH]}) was started without {SETUP_FILES_ENV}"
        logger.warning(said)
        return [{"event": "cleared", "at": self._loop.time(), "message": said}]

    def _read_mark(self) -> list[Event]:
        try:
            written = b"" if self._has_seen_mark else os.pread(self._bot.mark, MAX_MARK_BYTES, 0)
        except OSError:
            return []
        line, newline, _ = written.partition(b"\n")
        if not newline:
            return []
        self._has_seen_mark = True
        try:
            event = read_event(line, self._began, self._loop.time())
        except NoEventError:
            return []
        if event is None or event["event"] != "unwatched":
            return []
        logger.warning("the hook was loaded in process {} and could not reach the supervisor", event["pid"])
        return [event]

    # New connections.

    def _accept(self, hooks: HookSocket) -> None:
        for _ in range(MAX_ACCEPTED):
            try:
                connection, _ = hooks.listener.accept()
            except BlockingIOError:
                return
            except OSError as exc:
                self._pause(hooks, exc)
                return
            self._check_peer(connection, hooks.token)

    def _pause(self, hooks: HookSocket, exc: OSError) -> None:
        """Accept nothing for a while: a reason such as a lack of descriptors would fail the next attempt too."""
        if not self._is_closed:
            logger.warning("a process of the bot could not connect: {}", exc.strerror)
            self._loop.remove_reader(hooks.listener)
            self._loop.call_later(PAUSE_SECONDS, self._resume, hooks)

    def _resume(self, hooks: HookSocket) -> None:
        if not self._is_closed:
            self._loop.add_reader(hooks.listener, self._accept, hooks)

    def _check_peer(self, connection: socket.socket, token: str) -> None:
        pid = peer_pid(connection)
        if not may_be_descendant(pid) or len(self._pending) >= MAX_PENDING or self._accepted_count >= MAX_ACCEPTED_EVER:
            connection.close()
            return
        connection.settimeout(0.0)
        pending = _PendingConnection(connection, pid, f"{token}\n".encode())
        self._pending.append(pending)
        if not self._is_closed:
            pending.timer = self._loop.call_later(TOKEN_SECONDS, self._reject, pending)
            self._loop.add_reader(connection, self._read_token, pending)
        self._read_token(pending)

    def _read_token(self, pending: "_PendingConnection") -> None:
        """Read the token, or some of it."""
        if pending.is_wrong():
            self._reject(pending)
        elif pending.is_complete:
            self._register(pending)

    def _reject(self, pending: "_PendingConnection") -> None:
        self._stop_waiting(pending)
        pending.socket.close()

    def _stop_waiting(self, pending: "_PendingConnection") -> None:
        self._pending.remove(pending)
        if pending.timer:
            pending.timer.cancel()
        self._loop.remove_reader(pending.socket)

    def _register(self, pending: "_PendingConnection") -> None:
        self._stop_waiting(pending)
        if len(self._connections) >= MAX_PROCESSES:
            pending.socket.close()
            return
        self._accepted_count += 1
        connection = _Connection(pending.socket, pending.pid, self._accepted_count)
        self._connections.append(connection)
        self._note_reconnect(connection)
        logger.info("hook connected from process {}", connection.pid)
        # A process may have closed the connection already. Its events count all the same.
        with contextlib.suppress(OSError):
            greeting = [_line(command) for command in self._greeting]
            socket.send_fds(connection.socket, greeting, [self._bot.stacks_target])
        if not self._is_closed:
            self._start_reading(connection)

    # Events.

    def _start_reading(self, connection: "_Connection") -> None:
        connection.socket.settimeout(0.0)
        self._loop.add_reader(connection.socket, self._read, connection)

    def _read(self, connection: "_Connection") -> None:
        now = self._loop.time()
        events = list(self._merged(connection, iter(self._intake.read(connection.reader, now))))
        if connection.reader.is_at_end:
            self._loop.remove_reader(connection.socket)
            self._on_connection_closed(connection)
        self._on_events(events)

    def _merged(self, connection: "_Connection", events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            own = {**event, "pid": connection.pid} if event["event"] == "dumpable" and connection.number else event
            yield from self._sources.merge(connection.number, own)

    def _on_connection_closed(self, connection: "_Connection") -> None:
        """Follow a process whose connection has ended until it exits: it may only have executed another program.

        The end of the first process is the session's, and is known from the kernel.
        """
        if connection is self._main:
            return
        self._connections.remove(connection)
        connection.socket.close()
        try:
            pidfd = os.pidfd_open(connection.pid)
        except OSError:
            self._on_process_gone(connection)
        else:
            self._loop.add_reader(pidfd, self._on_process_exit, connection, pidfd)
            if select.select([pidfd], [], [], 0)[0]:
                self._on_process_exit(connection, pidfd)

    def _on_process_exit(self, connection: "_Connection", pidfd: int) -> None:
        if self._loop.remove_reader(pidfd):
            os.close(pidfd)
            self._on_process_gone(connection)

    def _on_process_gone(self, connection: "_Connection") -> None:
        self._sources.forget_dumpable(connection.number)
        self._report_lost(connection.number, connection.pid)

    def _note_reconnect(self, connection: "_Connection") -> None:
        """Note that a process connects. One that has connected before has executed another program since."""
        earlier = self._numbers.get(connection.pid)
        self._numbers[connection.pid] = connection.number
        if earlier is not None:
            self._report_lost(earlier, connection.pid)

    def _report_lost(self, number: int, pid: int) -> None:
        lost = self._sources.lost(number, self._loop.time())
        if lost and not self._is_closed:
            logger.warning("process {} is gone, and its pipeline had not finished", pid)
            self._loop.call_soon(self._on_events, [lost])


class _Connection:
    """One process of the bot that is listened to."""

    def __init__(self, source: socket.socket, pid: int, number: int) -> None:
        self.socket = source
        self.pid = pid
        #: 0 for the process that the supervisor started. A process that connects again has another one.
        self.number = number
        self.reader = LineReader(source)


class _PendingConnection:
    """A connection that has not sent the token."""

    def __init__(self, source: socket.socket, pid: int, expected: bytes) -> None:
        self.socket = source
        self.pid = pid
        self.timer: asyncio.TimerHandle | None = None
        self._expected = expected
        self._received = b""

    @property
    def is_complete(self) -> bool:
        """Whether the token has arrived."""
        return len(self._received) == len(self._expected) and compare_digest(self._received, self._expected)

    def is_wrong(self) -> bool:
        """Read up to the end of the token; return whether what arrived cannot become the token."""
        try:
            chunk = self.socket.recv(len(self._expected) - len(self._received))
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._received += chunk
        return not chunk or (len(self._received) == len(self._expected) and not self.is_complete)


def _line(command: dict[str, Any]) -> bytes:
    return json.dumps(command).encode() + b"\n"


def peer_pid(connection: socket.socket) -> int:
    """Return the process that has connected, as the kernel knows it; 0 for one that this one cannot see."""
    size = _CREDENTIALS.size
    pid, _, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid)


def may_be_descendant(pid: int) -> bool:
    """Return whether a process descends from this one, or is gone by now: then the token alone must do."""
    return pid > 0 and (processes.is_ours(pid) or not processes.is_there(pid))
