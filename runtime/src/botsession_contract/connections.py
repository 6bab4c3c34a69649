"""Bound what strangers may do to an HTTP server by merely connecting to it.

A connection lives for a few seconds, whatever its peer does: a header that never ends, a body that never comes and an
answer that is never read cost the same. Over the caps the oldest connection goes and never the newest, so that a
probe is answered while hundreds of half-open requests hang, even where they come from the probe's own address.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from botsession_contract.dual_stack import plain_address

#: From accept to the end of the answer, in seconds. Each connection carries one request, and each answer is at hand.
LIFETIME_SECONDS: Final = 10.0
#: Connections at once, in all and from one address.
MOST: Final = 256
MAX_PER_ADDRESS: Final = 32

Factory = Callable[[], asyncio.Protocol]


class ConnectionGuard:
    """Closes connections of a server that last too long or are too many."""

    def __init__(
        self,
        *,
        lifetime_seconds: float = LIFETIME_SECONDS,
        most: int = MOST,
        most_per_address: int = MAX_PER_ADDRESS,
    ) -> None:
        self.lifetime_seconds = lifetime_seconds
        self._most = most
        self._most_per_address = most_per_address
        #: The open connections of each address, the oldest first.
        self._open: dict[str, dict[_Guarded, None]] = {}

    def __len__(self) -> int:
        """Return how many connections are open."""
        return sum(map(len, self._open.values()))

    def protect(self, factory: Factory) -> Factory:
        """Return a protocol factory for `loop.create_server` whose connections are guarded."""
        return lambda: _Guarded(factory(), self)

    def opened(self, connection: "_Guarded") -> None:
        """Note a connection; abort the oldest of its address, or of the busiest address, where there are too many."""
        of_address = self._open.setdefault(connection.address, {})
        of_address[connection] = None
        if len(of_address) > self._most_per_address:
            self._abort_oldest(of_address)
        elif len(self) > self._most:
            self._abort_oldest(max(self._open.values(), key=len))

    def closed(self, connection: "_Guarded") -> None:
        """Forget a connection."""
        of_address = self._open.get(connection.address, {})
        of_address.pop(connection, None)
        if not of_address:
            self._open.pop(connection.address, None)

    def _abort_oldest(self, connections: "dict[_Guarded, None]") -> None:
        oldest = next(iter(connections))
        self.closed(oldest)
        oldest.abort()


class _Guarded(asyncio.Protocol):
    """Hands everything on to the server's own protocol, and ends with its time."""

    def __init__(self, inner: asyncio.Protocol, guard: ConnectionGuard) -> None:
        self._inner = inner
        self._guard = guard
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = plain_address(str(peer[0])) if isinstance(peer, tuple) and peer else ""
        self._timer = asyncio.get_running_loop().call_later(self._guard.lifetime_seconds, self.abort)
        self._inner.connection_made(transport)
        self._guard.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._guard.closed(self)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def abort(self) -> None:
        """Close at once; what is still to be sent is dropped."""
        self._transport.abort()
