"""A launcher: `python pdeathsig.py PARENT PROGRAM ARGUMENT…` executes a program that gets a SIGTERM if its parent dies.

It runs as a script of its own. The kernel keeps PR_SET_PDEATHSIG over exec, so the program needs no code for it. On the
SIGTERM a supervisor ends its bot properly, however the parent died.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the parent-death signal, and execute the program."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("the parent was gone before the parent-death signal was set")
    os.execvp(command[0], command)  # noqa: S606  # replacing this process is the purpose


if __name__ == "__main__":
    main()
