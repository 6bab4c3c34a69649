"""Takes a stack dump from the pipe that the bot's faulthandler writes to."""

import asyncio
import contextlib
import os

#: How long a dump may hold up the SIGKILL, in seconds…
DUMP_SECONDS = 0.5
#: …and the silence that tells that it is complete: faulthandler writes no end mark.
QUIET_SECONDS = 0.05


async def read_dump(pipe: int) -> str:
    """Read what arrives until it stops arriving; an empty string when nothing does."""
    loop = asyncio.get_running_loop()
    dump = Dump(pipe)
    loop.add_reader(pipe, dump.take)
    wait = DUMP_SECONDS
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DUMP_SECONDS):
            while True:
                await asyncio.wait_for(dump.arrived.wait(), wait)
                dump.arrived.clear()
                wait = QUIET_SECONDS
    loop.remove_reader(pipe)
    return dump.content.decode(errors="replace")


class Dump:
    """What has arrived so far."""

    def __init__(self, pipe: int) -> None:
        self.content = bytearray()
        self.arrived = asyncio.Event()
        self._pipe = pipe

    def take(self) -> None:
        """Read what is there. At the end of the file there is nothing, for ever: the caller's bound ends it."""
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(self._pipe, 65536)
            self.content += chunk
            if not chunk:
                asyncio.get_running_loop().remove_reader(self._pipe)
        self.arrived.set()
