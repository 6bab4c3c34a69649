"""Tells the operator that there is news. A poke carries no facts, so losing one loses nothing but time."""

import asyncio
import contextlib
import time

import aiohttp

POKE_SECONDS = 1.0
#: News comes in bursts, at the start and at the end. A bot that makes up news has so many pokes for nothing, and then
#: one a second: they become one on the way, and the operator has others to listen to.
MOST_AT_ONCE = 20
PAUSE_SECONDS = 1.0


class Poker:
    """Sends pokes, one at a time; those asked for meanwhile become one."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._has_news = False
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_closing = asyncio.Event()
        self._spare = float(MOST_AT_ONCE)
        self._counted_at = time.monotonic()

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
        self._is_closing.set()
        if self._task:
            await self._task
        if self._session:
            await self._session.close()

    async def _send_all(self, url: str) -> None:
        while self._has_news:
            await self._pause()
            self._has_news = False
            await self._send(url)

    async def _pause(self) -> None:
        """Wait where there were many pokes lately, but not with the last."""
        now = time.monotonic()
        self._spare = min(self._spare + (now - self._counted_at) / PAUSE_SECONDS, MOST_AT_ONCE) - 1
        self._counted_at = now
        if self._spare < 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_closing.wait(), PAUSE_SECONDS)

    async def _send(self, url: str) -> None:
        # A pod whose bot has taken all threads, or all descriptors, pokes nobody; that is no reason to fail.
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, RuntimeError, ValueError):
            if self._session is None:
                self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=POKE_SECONDS))
            async with self._session.post(url, allow_redirects=False):
                pass
