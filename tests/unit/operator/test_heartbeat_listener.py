"""The operator's UDP port: what arrives is processed, and a flood of it is not."""

import asyncio
import socket

import pytest

from botsession_operator import heartbeat_listener
from botsession_operator.heartbeat_listener import MAX_PER_WINDOW, heartbeats


class Received:
    """What has been received, and waits for more."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self._news = asyncio.Event()

    def __call__(self, datagram: bytes) -> None:
        self.datagrams.append(datagram)
        self._news.set()

    async def until(self, last: bytes) -> None:
        while last not in self.datagrams:
            await self._news.wait()
            self._news.clear()


def send(port: int, *datagrams: bytes, host: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        for datagram in datagrams:
            sender.sendto(datagram, (host, port))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1"])
async def test_a_datagram_is_received(host: str) -> None:
    received = Received()
    with heartbeats(host, 0, received) as port:
        send(port, b"one", b"two")
        await received.until(b"two")

    assert received.datagrams == [b"one", b"two"]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
async def test_a_wildcard_takes_both_families() -> None:
    received = Received()
    with heartbeats("0.0.0.0", 0, received) as port:
        send(port, b"six", host="::1")
        await received.until(b"six")


async def test_only_so_many_are_received_in_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest waits in the kernel, or is dropped there."""
    monkeypatch.setattr(heartbeat_listener, "WINDOW_SECONDS", 3600.0)
    monkeypatch.setattr(heartbeat_listener, "BATCH", 1000)
    paused = asyncio.Event()
    loop, received = asyncio.get_running_loop(), Received()
    call_at = loop.call_at

    def noted(when: float, *arguments: object) -> asyncio.TimerHandle:
        paused.set()
        return call_at(when, *arguments)  # type: ignore[arg-type]

    with heartbeats("127.0.0.1", 0, received) as port:
        monkeypatch.setattr(loop, "call_at", noted)
        while not paused.is_set():
            send(port, *[b"flood"] * 10)
            await asyncio.sleep(0)
        send(port, b"later")
        for _ in range(10):
            await asyncio.sleep(0)

        assert len(received.datagrams) == MAX_PER_WINDOW
        assert b"later" not in received.datagrams


async def test_after_a_flood_others_are_received_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat_listener, "MAX_PER_WINDOW", 5)
    received = Received()
    with heartbeats("127.0.0.1", 0, received) as port:
        send(port, *[b"flood"] * 20, b"beat")
        await received.until(b"beat")


async def test_a_bug_ends_nothing() -> None:
    received = Received()

    def fail(datagram: bytes) -> None:
        received(datagram)
        raise ValueError("a bug")

    with heartbeats("127.0.0.1", 0, fail) as port:
        send(port, b"one", b"two")
        await received.until(b"two")
