"""Processes of this machine, whose end a test waits for."""

import os
import select

from tests.supervision import PATIENCE


def wait_for_exit(pid: int) -> bool:
    """Return whether a process, of whomever it is a child, goes; a pidfd becomes readable when it is gone."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], PATIENCE)[0])
    finally:
        os.close(pidfd)
