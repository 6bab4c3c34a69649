"""Stops what the bot runs: looks at what it is doing, signals it, and leaves no process alive behind it."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from functools import partial

from loguru import logger

from botsession_runtime import processes, stuck_line
from botsession_runtime.bot_process import Bot
from botsession_runtime.hook_connections import HookConnections
from botsession_runtime.stack_dump import read_dump

#: How long the sweep waits for killed processes to be gone, in seconds. One in the kernel's hands may never be.
SWEEP_SECONDS = 1.0


class BotStopper:
    """The processes of one bot, as far as they are to be stopped."""

    def __init__(self, bot: Bot, hooks: HookConnections) -> None:
        self._bot = bot
        self._hooks = hooks
        #: Two looks at once would share one pipe, and each have half of what comes.
        self._one_look = asyncio.Lock()
        #: Set whenever the kernel reports that a child has died.
        self.child_died = asyncio.Event()

    def signal(self, number: signal.Signals) -> None:
        """Signal the bot's process group, if it was started."""
        if self._bot.pid:
            processes.signal_group(self._bot.pid, number)

    async def blocking_line(self) -> str | None:
        """Return the line that blocks the bot, if one does, and leave its stacks in the log."""
        async with self._one_look:
            for dumpable in self._hooks.dumpables():
                if not processes.signal_one(dumpable.pid, dumpable.signal):
                    continue
                handles = partial(processes.is_at_signal, dumpable.pid, dumpable.signal)
                dump = await read_dump(self._bot.stacks, handles)
                if dump:
                    logger.info("stacks of process {} before it is stopped:\n{}", dumpable.pid, dump)
                if blocked_at := stuck_line.blocking_line(dump, dumpable.thread):
                    return blocked_at
        return None

    async def sweep(self, reap: Callable[[], None]) -> None:
        """Kill and reap all that the bot left running, also what made a session of its own.

        A child may not be ours to kill, or may make new ones as fast, so it is tried for a while.
        """
        self.signal(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                while left := processes.children():
                    for pid in left:
                        processes.signal_one(pid, signal.SIGKILL)
                    self.child_died.clear()
                    reap()
                    await asyncio.sleep(0)  # or no time would run out where there is always one to reap
                    if processes.children():
                        await self.child_died.wait()
