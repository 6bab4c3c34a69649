"""The duties of PID 1: reap dead children, and find all processes that the bot has left."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

#: Dead children that are reaped at once: a bot may make new ones as fast as that.
MAX_REAPED = 500
#: Generations between a process and its supervisor, at most: a loop in what /proc says must not keep us.
MAX_GENERATIONS = 100


def reap() -> Iterator[tuple[int, int]]:
    """Yield pid and exit code (negative: the signal) of each child that is dead, up to a bound, without waiting."""
    for _ in range(MAX_REAPED):
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a process group that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def signal_one(pid: int, number: int) -> bool:
    """Signal a process; return whether it existed."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def is_at_signal(pid: int, number: int) -> bool:
    """Return whether a signal is pending for a process, or being handled: its first thread blocks it meanwhile."""
    masks = (line.split()[1] for line in _file(pid, "status").splitlines() if line.startswith((b"ShdPnd:", b"SigBlk:")))
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def children() -> list[int]:
    """Return the direct children. After the bot's exit these include its orphans, whatever session they are in."""
    own = os.getpid()
    return [pid for pid in _pids() if _parent_of(pid) == own]


def descendants() -> list[int]:
    """Return the bot's processes: all that descend from this one."""
    children_of: dict[int, list[int]] = {}
    for pid in _pids():
        children_of.setdefault(_parent_of(pid) or 0, []).append(pid)
    found, generation = [], children_of.pop(os.getpid(), [])
    while generation:
        found += generation
        generation = [child for pid in generation for child in children_of.pop(pid, [])]
    return found


def is_ours(pid: int) -> bool:
    """Return whether a process descends from this one: the bot, or what it started."""
    for _ in range(MAX_GENERATIONS):
        parent = _parent_of(pid)
        if parent is None or parent == os.getpid():
            return parent is not None
        pid = parent
    return False


def is_there(pid: int) -> bool:
    """Return whether there is a process of this number."""
    return _parent_of(pid) is not None


def python_without(variable: str) -> tuple[int, str] | None:
    """Return the pid and the program of a Python process of the bot that was started without a variable."""
    for pid in descendants():
        program = _program_of(pid)
        if program.startswith("python") and f"\0{variable}=".encode() not in b"\0" + _file(pid, "environ"):
            return pid, program
    return None


def _program_of(pid: int) -> str:
    """Return the name of a process's program; nothing for one that is gone, or that this one may not look into."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent_of(pid: int) -> int | None:
    # The command's name is in brackets and may hold any bytes, brackets and blanks included.
    fields = _file(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else None


def _file(pid: int, name: str) -> bytes:
    """Read what the kernel says of a process; nothing where it is gone. Its name in it need not be UTF-8."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
