"""What the kernel says of our container's memory: its limit, its use, and how often it killed a process for it.

Where the kernel kills only the bot, the container goes on, and only the supervisor can report the kill. The counters
of the container's cgroup are found in both versions of cgroups, with and without a cgroup namespace. Where nothing can
be read, no kill is reported.

Read before the bot is started, so this module costs as little as `bot_process`.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

ROOT = "/"
#: Version 1 writes "no limit" as the largest number of pages, in bytes.
NO_LIMIT = 1 << 60
#: What a supervisor weighs, generously: 38 MiB were measured. The kernel picks its victim by weight.
SUPERVISOR_BYTES = 64 << 20
#: The kernel's bounds on oom_score_adj: a thousand is the whole limit's weight.
LARGEST_SCORE = 1000


class Memory(NamedTuple):
    """A look at a container's memory, in bytes."""

    #: Processes that the kernel killed for the container's memory, or for the node's.
    kills: int
    limit: int | None = None
    #: The highest use there was.
    peak: int | None = None


class Files(NamedTuple):
    """Where a version of cgroups keeps what."""

    #: Lines of a name and a number. Each process of a group kill counts as an oom_kill too.
    events: str
    limit: str
    peak: str


V1 = Files("memory.oom_control", "memory.limit_in_bytes", "memory.max_usage_in_bytes")
V2 = Files("memory.events", "memory.max", "memory.peak")


def read(root: str | os.PathLike[str] = ROOT) -> Memory | None:
    """Return the container's memory now; None where the kernel does not count it, or does not show it."""
    memberships, mounts = (
        _text(os.path.join(root, "proc/self", name)).splitlines() for name in ("cgroup", "mountinfo")
    )
    path, files = membership(memberships)
    for folder in folders(path, mounts, files):
        place = os.path.join(root, folder.lstrip("/"))
        kills = kill_count(_text(os.path.join(place, files.events)))
        if kills is not None:
            limit, peak = (amount(_text(os.path.join(place, name))) for name in (files.limit, files.peak))
            return Memory(kills, limit, peak)
    return None


def since(before: Memory | None, now: Memory | None) -> Memory | None:
    """Return the present look with only the kills that are new; None where either look failed."""
    return now._replace(kills=now.kills - before.kills) if before and now else None


def membership(lines: list[str]) -> tuple[str, Files]:
    """Return our cgroup's path, and the version that counts memory: 1 wherever it has a hierarchy for it."""
    paths = {
        controllers: path for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2)
    }
    for controllers, path in paths.items():
        if "memory" in controllers.split(","):
            return path, V1
    return paths.get("", "/"), V2


def folders(path: str, mounts: list[str], files: Files) -> Iterator[str]:
    """Yield where our cgroup may be found, the likeliest first.

    What is mounted may be the whole hierarchy, a namespace's part of it, or only our own cgroup, as container runtimes
    do it for version 1; then the path, which is the host's, is of no use, and the mount itself is ours.
    """
    for line in mounts:
        place, _, kind = line.partition(" - ")
        fields, (filesystem, _, options) = place.split(" "), (*kind.split(" ", 2), "", "")[:3]
        if len(fields) > 4 and _counts_memory(filesystem, options, files):
            within, mounted_at = fields[3], fields[4]
            if path.startswith(within):
                yield f"{mounted_at}/{path.removeprefix(within).strip('/')}"
            yield mounted_at


def kill_count(events: str) -> int | None:
    """Read how often the kernel has killed; None where it does not say (version 1 before Linux 4.13)."""
    pairs = (line.split() for line in events.splitlines())
    return next((int(pair[1]) for pair in pairs if pair[0] == "oom_kill" and pair[1].isdigit()), None)


def amount(text: str) -> int | None:
    """Read an amount of bytes; None for no limit, and for what is not there."""
    number = int(text) if text.strip().isdigit() else NO_LIMIT
    return number if number < NO_LIMIT else None


def make_first_victim(pid: int, limit: int | None, root: str | os.PathLike[str] = ROOT) -> None:
    """Make the kernel kill the bot before its supervisor, which can then report the kill.

    The kernel kills the process with the largest score: its memory, and oom_score_adj thousandths of the limit. The
    bot's score is raised by a supervisor's memory. Without a limit only the node can run short, and Kubernetes has its
    own order there, so nothing is changed. Any process may raise a score; a failure to do so is ignored. A pod that
    requests little memory is near the kernel's bound already, and there the bot's own size decides.
    """
    if limit:
        path = os.path.join(root, f"proc/{pid}/oom_score_adj")
        with contextlib.suppress(OSError, ValueError):
            present = int(_text(path))
            with open(path, "w", encoding="ascii") as file:
                file.write(str(score(present, limit)))


def score(present: int, limit: int) -> int:
    """Return the oom_score_adj that makes a process heavier by a supervisor."""
    return min(LARGEST_SCORE, present + -(-LARGEST_SCORE * SUPERVISOR_BYTES // limit))


def _counts_memory(filesystem: str, options: str, files: Files) -> bool:
    if files is V2:
        return filesystem == "cgroup2"
    return filesystem == "cgroup" and "memory" in options.split(",")


def _text(path: str) -> str:
    # Where something is mounted is a name like others, and need not be UTF-8.
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
