"""What the kernel says of the TCP sockets of the bot's processes: where they listen, and who is connected there.

Only sockets that the bot's own processes hold count. The containers of a pod share one network, and with `hostNetwork`
all programs of the node do. All reads are bounded: the bot decides how much there is to read.
"""

import ipaddress
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

#: The kernel's words for the state of a socket (include/net/tcp_states.h).
ESTABLISHED, LISTENING = "01", "0A"
TABLES: Final = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
#: Columns of those tables.
LOCAL, REMOTE, STATE, INODE = 1, 2, 3, 9
LARGEST_TABLE_BYTES: Final = 4 << 20
#: Open files that are looked at, of all processes together.
MAX_FILES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Sockets:
    """The TCP sockets of the bot's processes."""

    #: Ports that they listen on, with whether other machines can reach them there.
    listening: dict[int, bool]
    #: Connections that others have opened to these: the port, and the other end as the kernel writes it.
    connections: frozenset[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class _Row:
    address: str
    port: int
    remote: str
    state: str
    inode: str

    @property
    def is_reachable(self) -> bool:
        return not _is_loopback(self.address)


def read_sockets(pids: Iterable[int]) -> Sockets:
    """Return the sockets of these processes. What the kernel does not show is not there."""
    rows, ours = list(_rows()), _inodes(pids)
    listening: dict[int, bool] = {}
    for row in rows:
        if row.state == LISTENING and row.inode in ours:
            listening[row.port] = listening.get(row.port, False) or row.is_reachable
    # The end of a connection that the bot itself has opened, perhaps to its own server.
    opened = {(row.port, _port(row.remote)) for row in rows if row.inode in ours and row.port not in listening}
    connections = {
        (row.port, row.remote)
        for row in rows
        if row.state == ESTABLISHED and row.port in listening and (_port(row.remote), row.port) not in opened
    }
    return Sockets(listening, frozenset(connections))


def _rows() -> Iterator[_Row]:
    for table in TABLES:
        for line in _read(table).splitlines()[1:]:
            fields = line.split()
            if len(fields) > INODE:
                address, _, port = fields[LOCAL].partition(":")
                yield _Row(address, int(port, 16), fields[REMOTE], fields[STATE], fields[INODE])


def _read(table: Path) -> str:
    try:
        with table.open("rb") as file:
            whole, _, _ = file.read(LARGEST_TABLE_BYTES).rpartition(b"\n")
    except OSError:
        return ""
    return whole.decode("ascii", "replace")


def _inodes(pids: Iterable[int]) -> set[str]:
    """Return the inodes of the sockets that these processes have open."""
    links = (name for pid in pids for name in _open_files(pid))
    return {name[len("socket:[") : -1] for name in islice(links, MAX_FILES) if name.startswith("socket:[")}


def _open_files(pid: int) -> Iterator[str]:
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                yield os.readlink(entry.path)  # noqa: PTH115  # what it leads to is no path
            except OSError:
                continue  # closed meanwhile
    except OSError:
        return  # the process is gone, or belongs to a user whose files are not shown


def _port(end: str) -> int:
    return int(end.rpartition(":")[2], 16)


def _is_loopback(address: str) -> bool:
    """Return whether only this machine reaches an address, of which the kernel writes each 32 bits in host order."""
    words = (address[start : start + 8] for start in range(0, len(address), 8))
    found = ipaddress.ip_address(b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words))
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
