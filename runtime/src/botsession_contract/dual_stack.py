"""Listen on all addresses of a pod, IPv4 and IPv6: which of them it is reached by is the cluster's matter.

Imported before the bot is started, so it costs little.
"""

import errno
import socket
from typing import Final

#: Addresses that stand for all of a host's.
WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104
#: Connections that the kernel keeps until the server is there to take them.
BACKLOG: Final = 128
_MAPPED: Final = "::ffff:"


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; for a wildcard one that takes both families, where the machine has both."""
    if host in WILDCARDS and socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
        except OSError as exc:
            if exc.errno != errno.EADDRNOTAVAIL:  # IPv6 may be known and switched off
                raise
    if host in WILDCARDS:
        host = "0.0.0.0"  # noqa: S104
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def plain_address(address: str) -> str:
    """Return an address as it is written outside of a socket for both families: IPv4 as IPv4."""
    mapped = address.removeprefix(_MAPPED)
    return mapped if "." in mapped else address
