"""Runs a command on a machine that seems to have too much to do: now and then one of its processes stands still.

    python -m tests.sigstop_chaos .venv/bin/python -m pytest tests/component/runtime/test_webrtc.py

A test that fails so, and not otherwise, trusts in who is faster. Those that stop processes themselves (`test_stalls`)
are not for it.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

#: Between two stalls, in seconds: the least and the most.
PAUSE: Final = (0.1, 0.8)
#: How long a process stands still, in seconds.
STALLS: Final = (0.1, 0.3, 0.6, 1.0, 1.5, 2.5)


def main(command: Sequence[str]) -> int:
    """Run it to its end; the exit code is the command's."""
    chance = random.Random()  # noqa: S311  # nothing secret
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            time.sleep(chance.uniform(*PAUSE))
            _stand_still(chance.choice([*_family(process.pid)]), chance.choice(STALLS))
    return process.returncode


def _family(pid: int) -> Iterator[int]:
    """Yield a process and all that come from it."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in thread.read_text().split():
                yield from _family(int(child))


def _stand_still(pid: int, seconds: float) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
