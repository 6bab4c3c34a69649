"""The socket of the bot's processes, and strangers at it."""

import asyncio
import os
import select
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from botsession_runtime import bot_process, hook_connections
from botsession_runtime.bot_process import Bot, HookSocket
from botsession_runtime.events import Event
from botsession_runtime.hook_connections import MAX_PENDING, HookConnections
from tests.supervision import PATIENCE

ORDER = {"do": "limit"}
#: A process of the bot: connects so often, says what it is told, and writes what it hears until nothing more comes.
CHILD = """
import socket, sys
address, times, said, *then = sys.argv[1:]
opened = []
for _ in range(int(times)):
    opened.append(socket.socket(socket.AF_UNIX))
    opened[-1].connect("\\0" + address)
    if said:  # one that is turned away may be closed already, where even nothing cannot be sent
        opened[-1].sendall(said.encode())
print("connected", flush=True)
try:
    for line in then:
        opened[0].sendall(line.encode() + b"\\n")
    heard, fds, _, _ = socket.recv_fds(opened[0], 1000, 4)
except ConnectionError:  # closed before all of it was read
    heard, fds = b"", []
print(heard.decode().strip(), len(fds), flush=True)
sys.stdin.read()
"""
#: Another, which does not wait for an answer.
HASTY = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect("\\0" + sys.argv[1])
connection.sendall(sys.argv[2].encode())
"""


class Harness:
    """The connections of a supervisor that has no bot, and what has been heard of them."""

    def __init__(self) -> None:
        agent, self.theirs = socket.socketpair()
        stacks, target = os.pipe()
        hooks = bot_process.listen_for_hooks()
        assert hooks is not None
        self.hooks: HookSocket = hooks
        self.bot = Bot(None, agent, stacks, -1, hooks=hooks, stacks_target=target)
        self.events: asyncio.Queue[str] = asyncio.Queue()
        self.connections = HookConnections(self.bot, 0.0, self._on_events)
        self.connections.greet_with(ORDER)
        self.connections.watch(asyncio.get_running_loop())

    def _on_events(self, events: list[Event]) -> None:
        for each in events:
            self.events.put_nowait(each["event"])

    async def child(self, said: str, *then: str, times: int = 1) -> asyncio.subprocess.Process:
        """Start a process of the bot."""
        words = (self.hooks.address, str(times), said, *then)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert await answer(child) == "connected"
        return child

    def close(self) -> None:
        """Let go of all of it."""
        self.connections.close()
        for each in (self.bot.agent, self.theirs, self.hooks.listener):
            each.close()
        os.close(self.bot.stacks)
        os.close(self.bot.stacks_target)


async def answer(child: asyncio.subprocess.Process) -> str:
    """Return the next line that a child writes."""
    assert child.stdout is not None
    async with asyncio.timeout(PATIENCE):
        return (await child.stdout.readline()).decode().strip()


async def end(*children: asyncio.subprocess.Process) -> None:
    for child in children:
        await child.communicate(b"")


@pytest.fixture
async def harness(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    monkeypatch.setattr(hook_connections, "TOKEN_SECONDS", 0.5)
    opened = Harness()
    yield opened
    opened.close()


async def test_process_of_the_bot_is_heard_and_gets_its_orders(harness: Harness) -> None:
    child = await harness.child(f"{harness.hooks.token}\n", '{"event": "hooked", "at": 1}')
    assert await answer(child) == '{"do": "limit"} 1'
    async with asyncio.timeout(PATIENCE):
        assert await harness.events.get() == "hooked"
        await end(child)
        assert await harness.events.get() == "lost"


async def test_process_that_comes_after_the_end_was_ordered_is_told_so(harness: Harness) -> None:
    harness.connections.greet_with(ORDER, {"do": "end", "reason": "MaxDuration"})
    child = await harness.child(f"{harness.hooks.token}\n")
    assert [await answer(child), await answer(child)] == ['{"do": "limit"}', '{"do": "end", "reason": "MaxDuration"} 1']
    await end(child)


async def test_process_that_is_gone_by_the_time_it_is_accepted_is_heard(harness: Harness) -> None:
    lines = f"{harness.hooks.token}\n" + '{"event": "failed", "at": 1, "message": "no key"}\n'
    subprocess.run([sys.executable, "-c", HASTY, harness.hooks.address, lines], check=True)  # nobody accepts meanwhile
    async with asyncio.timeout(PATIENCE):
        assert await harness.events.get() == "failed"


@pytest.mark.parametrize("said", ["", "x", "\n", "{token}x", "x{token}\n", "GET / HTTP/1.1\r\n\r\n" * 50])
async def test_process_without_the_token_hears_nothing(harness: Harness, said: str) -> None:
    words = said.format(token=harness.hooks.token) if "token" in said else said
    child = await harness.child(words, '{"event": "hooked", "at": 1}')
    assert await answer(child) == "0"
    await end(child)
    assert harness.events.empty()


async def test_stranger_with_the_token_hears_nothing(harness: Harness) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:  # this process descends from no supervisor
        stranger.connect(f"\0{harness.hooks.address}")
        stranger.sendall(f"{harness.hooks.token}\n".encode())
        await asyncio.to_thread(select.select, [stranger], [], [], PATIENCE)
        with pytest.raises(ConnectionResetError):
            stranger.recv(1)
    assert harness.events.empty()


async def test_flood_of_half_open_connections_does_not_keep_others_out(harness: Harness) -> None:
    flood = await harness.child("", times=3 * MAX_PENDING)
    assert await answer(flood) == "0"  # their time was over
    child = await harness.child(f"{harness.hooks.token}\n")
    assert await answer(child) == '{"do": "limit"} 1'
    await end(flood, child)


async def test_flood_of_processes_is_bounded(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_connections, "MAX_PROCESSES", 3)
    children = [await harness.child(f"{harness.hooks.token}\n") for _ in range(3)]
    assert [await answer(child) for child in children] == ['{"do": "limit"} 1'] * 2 + ["0"]
    await end(*children)
