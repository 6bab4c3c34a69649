"""What PID 1 owes its container: reaping whatever dies, and leaving nothing alive behind the bot."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of the bot's orphans. PID 1 is that anyway; a local supervisor has to ask."""
    if os.getpid() != 1:
        import ctypes  # the bot waits for this, and in a pod there is no need

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> Iterator[tuple[int, int]]:
    """Give pid and exit code (negative: the signal) of each child that is dead, without waiting."""
    while True:
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
    """Signal a process; tell whether it was there."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def is_at_signal(pid: int, number: int) -> bool:
    """Tell whether a signal waits for a process, or is being handled: its first thread has it blocked meanwhile."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    masks = (line.split()[1] for line in status.splitlines() if line.startswith(("ShdPnd:", "SigBlk:")))
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def children() -> list[int]:
    """List our direct children: with the bot gone, the orphans that it left in sessions of their own too."""
    own = os.getpid()
    return [pid for pid in _pids() if _parent_of(pid) == own]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name is in brackets and may hold anything, brackets and blanks included.
    return int(stat.rpartition(")")[2].split()[1])
