"""Ports of this machine, for what has to be told where to listen."""

import socket
from typing import Final

#: Below those that the kernel gives away by itself, so that no connection takes one before the listener is there.
PORTS: Final = range(20000, 30000)
#: One for each port that was given away. A name in the abstract namespace goes with the process that has it.
_marks: list[socket.socket] = []


def free_port() -> int:
    """Return a port that nobody has, and that no other test is given, in whatever process it runs."""
    return next(port for port in PORTS if _is_ours(port) and _is_free(port))


def _is_ours(port: int) -> bool:
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0botsession-tests-port-{port}")
    except OSError:
        mark.close()
        return False
    _marks.append(mark)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
