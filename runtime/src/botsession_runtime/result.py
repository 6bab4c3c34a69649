"""The result of a session, from both ends: what a bot calls, and what its supervisor reads when the bot is gone.

It goes through a file, so that every program can write it, and what was written stays, whatever becomes of the bot. The
file is in memory and has no name: nothing is left behind, and a container without a writable folder has it too.
"""

import json
import os
from typing import Any, NamedTuple

from botsession_contract.result import RESULT_FILE_ENV, ResultError, to_json

#: Enough for any result, however it is laid out; and the supervisor's memory is not the bot's to fill.
MAX_BYTES_READ = 64 * 1024


class Result(NamedTuple):
    """What a bot has left: a result, or why it was not taken. Neither where it has left nothing."""

    value: Any = None
    trouble: str | None = None


def set_result(result: Any) -> None:
    """Hand over what came out of the session: any JSON of at most 2 KiB, shown as `status.result`.

    The last call counts, and None takes back what was handed over. Outside of a session it does nothing, so that a bot
    may call it anywhere. Raise ResultError, a ValueError, for what cannot be kept.
    """
    data = to_json(result)
    if path := os.environ.get(RESULT_FILE_ENV):
        with open(path, "wb") as file:
            file.write(data)


def create_file() -> int:
    """Make the file; no other program inherits it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("botsession-result", os.MFD_CLOEXEC)
    # A Python that was built on an old system, to run on all, does not know it. Every container has this folder.
    import tempfile  # it is much, and few need it

    with tempfile.TemporaryFile(dir="/dev/shm") as nameless:  # it has no name there
        return os.dup(nameless.fileno())


def path_of(file: int) -> str:
    """Return the path by which programs of the same user write the file, as they write to /proc/1/fd/1."""
    return f"/proc/{os.getpid()}/fd/{file}"


def read(file: int) -> Result:
    """Read what was handed over."""
    try:
        written = os.pread(file, MAX_BYTES_READ + 1, 0)
    except OSError as exc:
        return Result(trouble=f"the result was refused: its file cannot be read: {exc.strerror}")
    if len(written) > MAX_BYTES_READ:
        return Result(trouble=f"the result was refused: its file is larger than {MAX_BYTES_READ // 1024} KiB")
    if not written.strip():
        return Result()
    try:
        value = json.loads(written)
        to_json(value)
    except ResultError as exc:
        return Result(trouble=f"the result was refused: {exc}")
    except (ValueError, RecursionError):
        return Result(trouble=f"the result was refused: what was written to {RESULT_FILE_ENV} is not JSON")
    return Result(value)
