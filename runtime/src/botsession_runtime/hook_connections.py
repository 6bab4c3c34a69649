"""The connections of the hook: a socket pair for the process that the supervisor started, a Unix socket for all others.

A stranger may find the socket, so nothing is sent before the token, and a process that does not descend from this one
is refused whatever it says. The bot itself may be hostile: the number of connections, what is read of each, and the
time for the token are bounded.
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

#: Processes of a bot that are listened to at once, and connections that have not said the token yet.
MOST_PROCESSES: Final = 64
MOST_SILENT: Final = 16
#: How many have been listened to in all: each leaves something behind here, for the report.
MOST_EVER: Final = 4096
#: What is accepted in one turn of the event loop.
MOST_ACCEPTED: Final = 16
#: How long a connection may take for its token, in seconds.
TOKEN_SECONDS: Final = 10.0
#: How long nothing is accepted when the kernel has no descriptor for it, in seconds.
PAUSE_SECONDS: Final = 1.0
#: How often it is looked whether the hook has left its mark, in seconds, and how much is read of that.
MARK_SECONDS: Final = 1.0
MOST_OF_MARK: Final = 4096
LONGEST_PROGRAM: Final = 40
#: Processes whose stacks are asked for before a kill.
MOST_DUMPS: Final = 4
#: `struct ucred`: pid, uid, gid.
_CREDENTIALS: Final = struct.Struct("3i")

#: Is called with the events of one read, and with an empty list where a connection has ended.
Heard = Callable[[list[Event]], None]


class HookConnections:
    """What the bot's processes say, as the events of one session, and the way to give them orders."""

    def __init__(self, bot: Bot, began: float, heard: Heard) -> None:
        self._bot = bot
        self._heard = heard
        self._intake = Intake(began)
        self._sources = Sources()
        self._main = _Connection(bot.agent, bot.pid or 0, 0)
        #: All that have said the token, the first process too.
        self._connections: list[_Connection] = [self._main]
        self._silent: list[_Arrival] = []
        self._ever = 0
        #: The last connection of each process.
        self._numbers: dict[int, int] = {}
        #: The order that a process gets with its first word: what the limits are.
        self._standing: dict[str, Any] | None = None
        #: …and with its second, where the session has been asked to end before it came.
        self._last: dict[str, Any] | None = None
        self._is_closed = False
        self._began = began
        self._has_seen_mark = bot.mark < 0
        self._has_seen_cleared = False

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen to what comes, from now on."""
        self._loop = loop
        self._attend(self._main)
        if self._bot.hooks:
            self._bot.hooks.listener.settimeout(0.0)
            loop.add_reader(self._bot.hooks.listener, self._accept, self._bot.hooks)
        loop.call_later(MARK_SECONDS, self._look_for_unwatched)

    def greet_with(self, order: dict[str, Any]) -> None:
        """Set the order that each new process gets first."""
        self._standing = order

    def end_newcomers(self, order: dict[str, Any]) -> None:
        """Set the order by which each process that connects from now on learns that the session is to end."""
        self._last = order

    def send(self, order: dict[str, Any]) -> None:
        """Send an order to all processes. One that does not read is dealt with by the ladder's next step."""
        line = _line(order)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.socket.send(line)

    def rest(self) -> Iterator[Event]:
        """Return the events that are there already, of all processes; nothing more is heard then."""
        self.close()
        if self._bot.hooks:
            self._accept(self._bot.hooks)
        for connection in self._connections:
            yield from self._merged(connection, self._intake.read_rest(connection.reader, self._loop.time()))
        yield from self._sources.held()
        yield from self._mark()

    def close(self) -> None:
        """Stop listening. Whoever connects later finds nobody."""
        if self._is_closed:
            return
        self._is_closed = True
        for each in [each.socket for each in self._connections] + [each.socket for each in self._silent]:
            self._loop.remove_reader(each)
        if self._bot.hooks:
            self._loop.remove_reader(self._bot.hooks.listener)

    @property
    def refused(self) -> int:
        """How many lines were no events."""
        return self._intake.refused

    def dumpables(self) -> list[Dumpable]:
        """Return the processes of the bot that can be asked for their stacks."""
        return [each for each in self._sources.dumpables() if processes.is_ours(each.pid)][:MOST_DUMPS]

    # Those who cannot come.

    def _look_for_unwatched(self) -> None:
        """Look now and then for a process in which the hook was loaded and cannot connect, or cannot be loaded."""
        if self._is_closed or self._has_seen_mark or self._sources.is_hooked:
            return
        self._loop.call_later(MARK_SECONDS, self._look_for_unwatched)
        found = self._mark() or self._cleared()
        if found:
            self._heard(found)

    def _cleared(self) -> list[Event]:
        if self._has_seen_cleared or (found := processes.python_without(SETUP_FILES_ENV)) is None:
            return []
        self._has_seen_cleared = True
        said = f"process {found[0]} ({found[1][:LONGEST_PROGRAM]}) was started without {SETUP_FILES_ENV}"
        logger.warning(said)
        return [{"event": "cleared", "at": self._loop.time(), "message": said}]

    def _mark(self) -> list[Event]:
        try:
            written = b"" if self._has_seen_mark else os.pread(self._bot.mark, MOST_OF_MARK, 0)
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

    # Those who come.

    def _accept(self, hooks: HookSocket) -> None:
        for _ in range(MOST_ACCEPTED):
            try:
                connection, _ = hooks.listener.accept()
            except BlockingIOError:
                return
            except OSError as exc:
                self._pause(hooks, exc)
                return
            self._arrive(connection, hooks.token)

    def _pause(self, hooks: HookSocket, exc: OSError) -> None:
        """Accept nothing for a moment: the reason, such as a lack of descriptors, is there in the next turn too."""
        if not self._is_closed:
            logger.warning("a process of the bot could not connect: {}", exc.strerror)
            self._loop.remove_reader(hooks.listener)
            self._loop.call_later(PAUSE_SECONDS, self._resume, hooks)

    def _resume(self, hooks: HookSocket) -> None:
        if not self._is_closed:
            self._loop.add_reader(hooks.listener, self._accept, hooks)

    def _arrive(self, connection: socket.socket, token: str) -> None:
        pid = peer_of(connection)
        if not may_be_ours(pid) or len(self._silent) >= MOST_SILENT or self._ever >= MOST_EVER:
            connection.close()
            return
        connection.settimeout(0.0)
        arrival = _Arrival(connection, pid, f"{token}\n".encode())
        self._silent.append(arrival)
        if not self._is_closed:
            arrival.timer = self._loop.call_later(TOKEN_SECONDS, self._turn_away, arrival)
            self._loop.add_reader(connection, self._ask, arrival)
        self._ask(arrival)

    def _ask(self, arrival: "_Arrival") -> None:
        """Read the token, or some of it."""
        if arrival.is_wrong():
            self._turn_away(arrival)
        elif arrival.is_complete:
            self._take_in(arrival)

    def _turn_away(self, arrival: "_Arrival") -> None:
        self._forget(arrival)
        arrival.socket.close()

    def _forget(self, arrival: "_Arrival") -> None:
        self._silent.remove(arrival)
        if arrival.timer:
            arrival.timer.cancel()
        self._loop.remove_reader(arrival.socket)

    def _take_in(self, arrival: "_Arrival") -> None:
        self._forget(arrival)
        if len(self._connections) >= MOST_PROCESSES:
            arrival.socket.close()
            return
        self._ever += 1
        connection = _Connection(arrival.socket, arrival.pid, self._ever)
        self._connections.append(connection)
        self._has_become(connection)
        logger.info("hook connected from process {}", connection.pid)
        # Closed already by a process that was quick: what it said is to be heard all the same.
        with contextlib.suppress(OSError):
            first = [_line(order) for order in (self._standing, self._last) if order]
            socket.send_fds(connection.socket, first, [self._bot.stacks_target])
        if not self._is_closed:
            self._attend(connection)

    # What they say.

    def _attend(self, connection: "_Connection") -> None:
        connection.socket.settimeout(0.0)
        self._loop.add_reader(connection.socket, self._read, connection)

    def _read(self, connection: "_Connection") -> None:
        now = self._loop.time()
        events = list(self._merged(connection, iter(self._intake.read(connection.reader, now))))
        if connection.reader.is_at_end:
            self._loop.remove_reader(connection.socket)
            self._ended(connection)
        self._heard(events)

    def _merged(self, connection: "_Connection", events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            own = {**event, "pid": connection.pid} if event["event"] == "dumpable" and connection.number else event
            yield from self._sources.merge(connection.number, own)

    def _ended(self, connection: "_Connection") -> None:
        """Follow a process whose connection has ended until it is gone: it may only have become another program.

        The end of the first process is the session's, and is known from the kernel.
        """
        if connection is self._main:
            return
        self._connections.remove(connection)
        connection.socket.close()
        try:
            pidfd = os.pidfd_open(connection.pid)
        except OSError:
            self._gone(connection)
        else:
            self._loop.add_reader(pidfd, self._exited, connection, pidfd)
            if select.select([pidfd], [], [], 0)[0]:
                self._exited(connection, pidfd)

    def _exited(self, connection: "_Connection", pidfd: int) -> None:
        if self._loop.remove_reader(pidfd):
            os.close(pidfd)
            self._gone(connection)

    def _gone(self, connection: "_Connection") -> None:
        self._sources.forget_dumpable(connection.number)
        self._lose(connection.number, connection.pid)

    def _has_become(self, connection: "_Connection") -> None:
        """Note that a process connects: one that has done so before has become another program since."""
        earlier = self._numbers.get(connection.pid)
        self._numbers[connection.pid] = connection.number
        if earlier is not None:
            self._lose(earlier, connection.pid)

    def _lose(self, number: int, pid: int) -> None:
        lost = self._sources.lost(number, self._loop.time())
        if lost and not self._is_closed:
            logger.warning("process {} is gone, and its pipeline had not finished", pid)
            self._loop.call_soon(self._heard, [lost])


class _Connection:
    """One process of the bot that is listened to."""

    def __init__(self, source: socket.socket, pid: int, number: int) -> None:
        self.socket = source
        self.pid = pid
        #: 0 for the process that the supervisor started. A process that connects again has another one.
        self.number = number
        self.reader = LineReader(source)


class _Arrival:
    """A connection that has not said the token."""

    def __init__(self, source: socket.socket, pid: int, expected: bytes) -> None:
        self.socket = source
        self.pid = pid
        self.timer: asyncio.TimerHandle | None = None
        self._expected = expected
        self._said = b""

    @property
    def is_complete(self) -> bool:
        """Whether the token has been said."""
        return len(self._said) == len(self._expected) and compare_digest(self._said, self._expected)

    def is_wrong(self) -> bool:
        """Read on, no further than the token; return whether that cannot come any more."""
        try:
            chunk = self.socket.recv(len(self._expected) - len(self._said))
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._said += chunk
        return not chunk or (len(self._said) == len(self._expected) and not self.is_complete)


def _line(order: dict[str, Any]) -> bytes:
    return json.dumps(order).encode() + b"\n"


def peer_of(connection: socket.socket) -> int:
    """Return the process that has connected, as the kernel knows it; 0 for one that this one cannot see."""
    size = _CREDENTIALS.size
    pid, _, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid)


def may_be_ours(pid: int) -> bool:
    """Return whether a process descends from this one, or is gone by now: then the token alone must do."""
    return pid > 0 and (processes.is_ours(pid) or not processes.is_there(pid))
