"""Sends pokes: requests that make the operator read the session now. A lost poke costs time and nothing else."""

import asyncio
import contextlib
import time

import aiohttp

POKE_SECONDS = 1.0
#: Changes come in bursts, at the start and at the end, so that many pokes are sent at once. A bot that floods its
#: supervisor with events causes one poke a second after that.
MAX_AT_ONCE = 20
PAUSE_SECONDS = 1.0


class Poker:
    """Sends pokes, one at a time; those asked for meanwhile become one."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._has_news = False
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_closing = asyncio.Event()
        self._tokens = float(MAX_AT_ONCE)
        self._refilled_at = time.monotonic()

    def poke(self) -> None:
        """Ask for a poke; return at once."""
        self._has_news = True
        if self._url and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._send_all(self._url), name="pokes")

    async def close(self) -> None:
        """Send the poke that is due, within its timeout, and close the connection.

        No poke announces that the supervisor exits: the operator would ask a supervisor that is gone, and the kubelet
        reports the exit.
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
        """Wait if there were many pokes lately, except before the last one."""
        now = time.monotonic()
        self._tokens = min(self._tokens + (now - self._refilled_at) / PAUSE_SECONDS, MAX_AT_ONCE) - 1
        self._refilled_at = now
        if self._tokens < 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_closing.wait(), PAUSE_SECONDS)

    async def _send(self, url: str) -> None:
        # A bot may have taken all threads or descriptors of the pod. Then no poke is sent, and the session goes on.
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, RuntimeError, ValueError):
            if self._session is None:
                self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=POKE_SECONDS))
            async with self._session.post(url, allow_redirects=False):
                pass
