"""The control endpoint of a running supervisor, beset by strangers."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests.supervision import PATIENCE, Supervised, supervised

HALF_A_HEADER = b"GET /v1/session HTTP/1.1\r\nHost: x\r\nX-Slow: "
HALF_A_BODY = b"POST /v1/session/end HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{"
HALF_OPEN = 800


async def connect(session: Supervised, stack: AsyncExitStack, said: bytes) -> asyncio.StreamReader:
    """Begin a request that is never ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", session.port)
    stack.callback(writer.close)
    writer.write(said)
    return reader


async def probe(session: Supervised) -> int:
    async with session.http.get("/livez") as response:
        return response.status


async def test_probes_are_answered_while_hundreds_of_half_open_requests_hang(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session, AsyncExitStack() as stack:
        await session.running()
        for number in range(HALF_OPEN):
            await connect(session, stack, HALF_A_BODY if number % 2 else HALF_A_HEADER)
            if number % 100 == 0:
                assert await probe(session) == 200
        assert await probe(session) == 200
        assert (await session.snapshot()).started_at is not None


async def test_half_a_request_is_not_kept(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session, AsyncExitStack() as stack:
        readers = [await connect(session, stack, said) for said in (b"", HALF_A_HEADER, HALF_A_BODY)]
        async with asyncio.timeout(PATIENCE):
            for reader in readers:
                await reader.read()  # until the other side closes


async def test_flood_of_connections_does_not_keep_a_session(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session, AsyncExitStack() as stack:
        await session.running()
        for _ in range(HALF_OPEN):
            await connect(session, stack, HALF_A_HEADER)
        session.terminate()
        assert (await session.report()).exit_code == 0
