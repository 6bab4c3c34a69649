"""The stacks of a bot that is to be killed: they are read to their end, however slowly a busy machine writes them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from botsession_runtime import processes, stack_dump
from tests.supervision import PATIENCE

NUMBER = signal.SIGRTMIN + 7
#: Dumps its stacks into its standard output, of which it says when it is ready.
DUMPABLE = f"""
import faulthandler, sys, time
faulthandler.register({NUMBER}, file=sys.stdout, all_threads=True)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def bot() -> Iterator["subprocess.Popen[bytes]"]:
    """Return a process that is stopped, and will dump its stacks when it goes on."""
    with subprocess.Popen([sys.executable, "-c", DUMPABLE], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        os.set_blocking(process.stdout.fileno(), False)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(NUMBER)
        yield process
        process.kill()


async def test_dump_is_read_to_its_end_whatever_the_pauses() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    looks = 0

    def is_under_way() -> bool:
        nonlocal looks
        looks += 1
        os.write(writing, {1: b"Thread 1", 10: b"Thread 2"}.get(looks, b""))
        return looks < 10

    assert await stack_dump.read_dump(reading, is_under_way) == "Thread 1Thread 2"
    os.close(reading)
    os.close(writing)


async def test_process_is_at_a_signal_until_its_dump_is_whole(
    bot: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_dump, "MAX_LOOKS", int(PATIENCE / stack_dump.LOOK_SECONDS))
    assert bot.stdout
    looks: list[bool] = []

    def is_under_way() -> bool:
        looks.append(processes.is_at_signal(bot.pid, NUMBER))
        if len(looks) == 10:
            bot.send_signal(signal.SIGCONT)
        return looks[-1]

    stacks = await stack_dump.read_dump(bot.stdout.fileno(), is_under_way)
    assert all(looks[:10])
    assert stacks.endswith("in <module>\n")
