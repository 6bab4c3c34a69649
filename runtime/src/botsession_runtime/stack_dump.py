"""Takes a stack dump from the pipe that the bot's faulthandler writes to."""

import asyncio
import os
from collections.abc import Callable

#: How often the pipe is read for the rest of a dump, and the pause between two reads, in seconds: in all they delay the
#: SIGKILL by half a second. The number of reads counts, not the time: on a machine that stalls, the bot cannot write.
MAX_LOOKS = 25
LOOK_SECONDS = 0.02
#: What a dump may hold, and what one look takes. Faulthandler writes 100 threads of 100 lines at most. The bot may
#: write more into the pipe, and is still to be stopped.
LARGEST_DUMP = 256 * 1024
LARGEST_PIECE = 64 * 1024


async def read_dump(pipe: int, is_under_way: Callable[[], bool]) -> str:
    """Read a dump to its end; an empty string when there is none.

    Faulthandler writes no end mark, so the kernel is asked whether the process still handles the signal.
    """
    dump = b""
    for _ in range(MAX_LOOKS):
        is_writing = is_under_way()  # asked before the read: a handler that was done by then has written all
        arrived = _what_is_there(pipe)
        if len(dump) >= LARGEST_DUMP or (dump and not arrived and not is_writing):
            break
        dump += arrived
        await asyncio.sleep(LOOK_SECONDS)
    return dump[:LARGEST_DUMP].decode(errors="replace")


def _what_is_there(pipe: int) -> bytes:
    try:
        return os.read(pipe, LARGEST_PIECE)
    except OSError:
        return b""
