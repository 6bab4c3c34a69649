"""Tells the operator that there is news. A poke carries no facts, so losing one loses nothing but time."""

import asyncio
import contextlib

import aiohttp

POKE_SECONDS = 1.0


class Poker:
    """Sends pokes, one at a time; those asked for meanwhile become one."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._news = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._task = asyncio.create_task(self._send_all(), name="pokes") if url else None

    def poke(self) -> None:
        """Ask for a poke; return at once."""
        self._news.set()

    async def close(self) -> None:
        """Send a last poke, within its bound, and stop."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._send()
        if self._session:
            await self._session.close()

    async def _send_all(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._send()

    async def _send(self) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=POKE_SECONDS))
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.post(self._url or ""):
                pass
