"""What a stranger may do to a server by merely connecting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from botsession_contract.connections import ConnectionGuard
from botsession_contract.dual_stack import listen

PATIENCE = 60.0


class Echo(asyncio.Protocol):
    """Answers each piece of data with the same."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Client:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def says(self, data: bytes) -> bytes:
        """Send something and return what comes back; nothing where the connection is closed."""
        try:
            async with asyncio.timeout(PATIENCE):
                self._writer.write(data)
                await self._writer.drain()
                return await self._reader.read(100)
        except ConnectionError:
            return b""

    async def is_cut_off(self) -> bool:
        """Wait for the end of the connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._reader.read(100) == b""
        except ConnectionError:
            return True


class Line:
    """A guarded server, and the way to it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.writers: list[asyncio.StreamWriter] = []

    async def open(self, address: str = "127.0.0.1") -> Client:
        """Connect from an address of this machine."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(address, 0))
        self.writers.append(writer)
        return Client(reader, writer)

    async def served(self, address: str = "127.0.0.1") -> Client:
        """Connect, and wait for the first answer."""
        client = await self.open(address)
        assert await client.says(b"hello") == b"hello"
        return client


@asynccontextmanager
async def serving(guard: ConnectionGuard) -> AsyncIterator[Line]:
    server = await asyncio.get_running_loop().create_server(guard.protect(Echo), "127.0.0.1", 0)
    async with server:
        line = Line(server.sockets[0].getsockname()[1])
        yield line
        for writer in line.writers:
            writer.close()


async def test_connection_serves_within_its_time() -> None:
    guard = ConnectionGuard(lifetime_seconds=PATIENCE)
    async with serving(guard) as line:
        client = await line.served()
        assert await client.says(b"again") == b"again"
        assert len(guard) == 1


async def test_connection_does_not_outlive_its_time_whatever_its_peer_sends() -> None:
    guard = ConnectionGuard(lifetime_seconds=0.05)
    async with serving(guard) as line:
        client = await line.open()
        while await client.says(b"one more byte"):
            pass
        assert await client.is_cut_off()


async def test_the_oldest_of_an_address_goes_and_the_newest_is_served() -> None:
    guard = ConnectionGuard(lifetime_seconds=PATIENCE, most_per_address=2)
    async with serving(guard) as line:
        first, second, third = [await line.served() for _ in range(3)]
        assert await first.is_cut_off()
        assert [await each.says(b"there") for each in (second, third)] == [b"there"] * 2


async def test_an_address_with_many_connections_costs_another_none() -> None:
    guard = ConnectionGuard(lifetime_seconds=PATIENCE, most_per_address=2)
    async with serving(guard) as line:
        quiet = await line.served("127.0.0.2")
        loud = [await line.served() for _ in range(4)]
        assert await quiet.says(b"there") == b"there"
        assert await loud[0].is_cut_off()


async def test_over_the_total_the_busiest_address_pays() -> None:
    guard = ConnectionGuard(lifetime_seconds=PATIENCE, most=3)
    async with serving(guard) as line:
        quiet = await line.served("127.0.0.2")
        loud = [await line.served() for _ in range(3)]
        assert await loud[0].is_cut_off()
        assert await quiet.says(b"there") == b"there"
        assert len(guard) == 3


async def test_closed_connections_are_forgotten() -> None:
    guard = ConnectionGuard(lifetime_seconds=0.05)
    async with serving(guard) as line:
        clients = [await line.open() for _ in range(3)]
        assert all([await each.is_cut_off() for each in clients])
        assert len(guard) == 0


async def test_ipv4_address_is_one_whichever_socket_takes_its_connections() -> None:
    guard, loop = ConnectionGuard(lifetime_seconds=PATIENCE, most_per_address=1), asyncio.get_running_loop()
    both = await loop.create_server(guard.protect(Echo), sock=listen("0.0.0.0", 0))
    async with serving(guard) as line, both:
        first = await line.served()
        other = Line(both.sockets[0].getsockname()[1])
        await other.served()
        assert await first.is_cut_off()
        for writer in other.writers:
            writer.close()
