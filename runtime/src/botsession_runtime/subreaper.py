"""Makes the supervisor the parent of the bot's orphans.

Imported before the bot is started, so it costs little: what is done with the orphans is in `processes`.
"""

import contextlib
import os

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of the bot's orphans. PID 1 is that anyway; a local supervisor has to ask."""
    if os.getpid() != 1:
        import ctypes  # the bot waits for this, and in a pod there is no need

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
