"""Listen on all addresses of a pod, IPv4 and IPv6: which of them it is reached by is the cluster's matter.

Imported before the bot is started, so it costs little.
"""

import errno
import socket
from collections.abc import Callable
from typing import Final

#: Addresses that stand for all of a host's.
WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104
#: Connections that the kernel keeps until the server is there to take them.
BACKLOG: Final = 128
_MAPPED: Final = "::ffff:"
#: The wildcard of IPv6, which a socket may share with IPv4.
_BOTH: Final = "::"


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket; for a wildcard one that takes both families, where the machine has both."""

    def create(host: str, family: socket.AddressFamily) -> socket.socket:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == _BOTH)

    return _open(host, create)


def bind_udp(host: str, port: int) -> socket.socket:
    """Return a UDP socket; for a wildcard one that takes both families, where the machine has both."""

    def create(host: str, family: socket.AddressFamily) -> socket.socket:
        made = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family is socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != _BOTH)
            made.bind((host, port))
        except OSError:
            made.close()
            raise
        return made

    return _open(host, create)


def _open(host: str, create: Callable[[str, socket.AddressFamily], socket.socket]) -> socket.socket:
    if host in WILDCARDS and socket.has_dualstack_ipv6():
        try:
            return create(_BOTH, socket.AF_INET6)
        except OSError as exc:
            if exc.errno != errno.EADDRNOTAVAIL:  # IPv6 may be known and switched off
                raise
    if host in WILDCARDS:
        host = "0.0.0.0"  # noqa: S104
    return create(host, socket.AF_INET6 if ":" in host else socket.AF_INET)


def plain_address(address: str) -> str:
    """Return an address as it is written outside of a socket for both families: IPv4 as IPv4."""
    mapped = address.removeprefix(_MAPPED)
    return mapped if "." in mapped else address
