"""Whether this program is a server, which goes on when its bot is over: a server still listens."""

import os
from pathlib import Path

#: The kernel's word for a socket that waits for connections (include/net/tcp_states.h).
LISTENING = "0A"
TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
#: Columns of those tables.
STATE, INODE = 3, 9


def is_serving() -> bool:
    """Return whether this program waits for callers; False if the kernel does not show it.

    A server may start a process for each call, so the program's first process counts too.
    """
    return any(_is_serving(pid) for pid in {os.getpid(), os.getpgrp()})


def _is_serving(pid: int) -> bool:
    try:
        return not _listening().isdisjoint(_open_sockets(pid))
    except OSError:
        return False


def _listening() -> set[str]:
    rows = (line.split() for table in TABLES if table.exists() for line in table.read_text().splitlines()[1:])
    return {f"socket:[{row[INODE]}]" for row in rows if row[STATE] == LISTENING}


def _open_sockets(pid: int) -> set[str]:
    return {name for entry in Path(f"/proc/{pid}/fd").iterdir() if (name := _link_target(entry)).startswith("socket:")}


def _link_target(entry: Path) -> str:
    try:
        return os.readlink(entry)  # noqa: PTH115  # what it leads to is no path
    except OSError:
        return ""  # closed meanwhile, as is the one that the folder was read with
