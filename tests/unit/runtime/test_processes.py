"""What a supervisor reads of processes whose names are their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from botsession_runtime import processes

#: Takes a name that is no UTF-8 and holds what `stat` is parsed by.
RENAMED = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, b"\\xff) 1 (", 0, 0, 0)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def renamed() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", RENAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.kill()


def test_child_is_found_whatever_it_calls_itself(renamed: int) -> None:
    assert renamed in processes.children()
    assert processes.is_ours(renamed)


def test_signals_of_a_process_are_known_whatever_it_calls_itself(renamed: int) -> None:
    assert not processes.is_at_signal(renamed, signal.SIGUSR1)


@pytest.mark.parametrize(
    "pid",
    [
        pytest.param(lambda: 1, id="the first"),
        pytest.param(os.getppid, id="the parent"),
        pytest.param(os.getpid, id="this one"),
        pytest.param(lambda: 2**22 + 1, id="none can have this"),
    ],
)
def test_process_that_does_not_descend_from_here_is_not_ours(pid: Callable[[], int]) -> None:
    assert not processes.is_ours(pid())
