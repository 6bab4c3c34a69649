"""A launcher: `python leash.py PARENT PROGRAM ARGUMENT…` becomes that program, tied to the life of its parent.

Run as a file of its own. The kernel keeps the tie over exec, so the program needs to know nothing of it. When the
parent dies, however it dies, the program gets a SIGTERM, and a supervisor then ends its bot properly.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie, and become the program."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("the parent was gone before the tie was made")
    os.execvp(command[0], command)  # noqa: S606  # becoming another program is what this is for


if __name__ == "__main__":
    main()
