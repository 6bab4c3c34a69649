"""Receives heartbeats: UDP datagrams, without an answer and without a connection.

Any pod that reaches the port may send datagrams, so it takes a bounded number of them a second. Beyond that, the kernel
drops what its buffer does not hold. The operator then polls the supervisors whose heartbeats were dropped.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from loguru import logger as log

from botsession_contract.dual_stack import bind_udp
from botsession_contract.heartbeat import MAX_DATAGRAM_BYTES

#: Ten thousand sessions send 333 a second. A datagram costs some 20 µs, so this is 4 % of a core at most.
MAX_PER_SECOND: Final = 2000
#: Datagrams are counted over this time, so that a flood does not keep others from their turn for long.
WINDOW_SECONDS: Final = 0.1
MAX_PER_WINDOW: Final = int(MAX_PER_SECOND * WINDOW_SECONDS)
#: Datagrams that are read before the event loop does something else.
BATCH: Final = 16
BUFFER_BYTES: Final = 1024 * 1024


@contextmanager
def heartbeats(host: str, port: int, receive: Callable[[bytes], object]) -> Iterator[int]:
    """Receive datagrams; yield the port."""
    with bind_udp(host, port) as receiver:
        receiver.settimeout(0)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        listener = _Listener(receiver, receive)
        listener.resume()
        try:
            yield receiver.getsockname()[1]
        finally:
            listener.close()


class _Listener:
    """Reads a socket, a bounded number of datagrams in each window."""

    def __init__(self, receiver: socket.socket, receive: Callable[[bytes], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = receiver
        self._receive = receive
        self._window_ends = 0.0
        self._left = 0
        self._timer: asyncio.TimerHandle | None = None

    def resume(self) -> None:
        """Read datagrams again."""
        self._timer = None
        self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        """Read no more."""
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self._socket)

    def _read(self) -> None:
        now = self._loop.time()
        if now >= self._window_ends:
            self._window_ends, self._left = now + WINDOW_SECONDS, MAX_PER_WINDOW
        for _ in range(min(BATCH, self._left)):
            try:
                datagram = self._socket.recv(MAX_DATAGRAM_BYTES + 1)
            except OSError:  # nothing is there, or the network reports an error
                return
            self._left -= 1
            self._receive_logged(datagram)
        if not self._left:
            self._loop.remove_reader(self._socket)
            self._timer = self._loop.call_at(self._window_ends, self.resume)

    def _receive_logged(self, datagram: bytes) -> None:
        try:
            self._receive(datagram)
        except Exception:  # noqa: BLE001  # a bug must not end the reading
            log.exception("heartbeat not processed")
