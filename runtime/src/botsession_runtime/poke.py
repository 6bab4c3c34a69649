"""Tells the operator that there is news. A poke carries no facts, so losing one loses nothing but time."""

import asyncio
import contextlib

import aiohttp

POKE_SECONDS = 1.0


class Poker:
    """Sends pokes, one at a time; those asked for meanwhile become one."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._has_news = False
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    def poke(self) -> None:
        """Ask for a poke; return at once."""
        self._has_news = True
        if self._url and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._send_all(self._url), name="pokes")

    async def close(self) -> None:
        """Let go out what was asked for, within its bound.

        No poke says that the supervisor leaves: it would have the operator ask somebody who is gone, and it hears of
        that from the kubelet.
        """
        if self._task:
            await self._task
        if self._session:
            await self._session.close()

    async def _send_all(self, url: str) -> None:
        while self._has_news:
            self._has_news = False
            await self._send(url)

    async def _send(self, url: str) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=POKE_SECONDS))
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.post(url):
                pass
