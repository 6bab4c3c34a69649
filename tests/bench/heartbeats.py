"""What a heartbeat costs the operator's processor: received, checked and counted, beside bare ways to receive as much.

    python -m tests.bench.heartbeats --sessions 10000 --rounds 5

One thread sends, over the loopback interface; only the time of the thread that receives counts. Times differ from
machine to machine; the ratios say how much the operator adds to a bare datagram, and what a heartbeat over HTTP would
cost.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, cast

from aiohttp import web
from prometheus_client import CollectorRegistry

from botsession_contract.control import EndRequest, Heartbeats, SessionPatch, SessionSnapshot
from botsession_contract.credentials import token_digest
from botsession_contract.heartbeat import heartbeat_id, heartbeat_key, to_datagram
from botsession_operator import heartbeat_listener
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import Pod
from botsession_operator.core.session_key import Key
from botsession_operator.metrics import Metrics
from botsession_operator.received_heartbeats import HeartbeatResult
from botsession_operator.supervisor_poller import SupervisorPoller
from tests.bench import figures
from tests.builders import pod, snapshot
from tests.fake_cluster import FakeClock

INTERVAL: Final = 30.0
#: What the sender keeps on its way at once, so that the kernel drops nothing.
WINDOW: Final = 100
HEARTBEAT: Final = "heartbeat"
BARE: Final = "bare datagram"
HTTP: Final = "bare aiohttp request"
SWEEP: Final = "sweep, for each session"


class Supervisors:
    """The Control port to supervisors that all answer at once."""

    async def snapshot(self, pod: Pod, token: str) -> SessionSnapshot:
        """Return what each of them answers."""
        return snapshot(heartbeats=Heartbeats(INTERVAL, 1, 1))

    async def end(self, pod: Pod, token: str, request: EndRequest) -> SessionSnapshot:
        """Return the same."""
        return await self.snapshot(pod, token)

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> SessionSnapshot:
        """Return the same."""
        return await self.snapshot(pod, token)


class Received:
    """Counts what arrives, and has the sender wait for it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _: object) -> None:
        """Count one."""
        self.count += 1


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, sessions=10000, rounds=5)
    samples = asyncio.run(measure(options.sessions, options.rounds))
    report(samples, options.sessions)
    figures.keep("heartbeats", samples)


async def measure(sessions: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each way to receive, a sample a round."""
    keys = [Key("bench", f"session-{number}") for number in range(sessions)]
    clock, metrics = FakeClock(), Metrics(CollectorRegistry())
    poller = SupervisorPoller(
        Supervisors(), clock, ControllerTimeouts(), lambda _: None, lambda: clock.now().timestamp()
    )
    for number, key in enumerate(keys):
        poller.read(key, pod(name=key.name, uid=key.name, node_name=f"node-{number % 100}"), str(key))
        while poller.in_flight() or sum(poller.waiting().values()):
            await asyncio.sleep(0)
    samples: dict[str, list[float]] = {name: [] for name in (HEARTBEAT, BARE, HTTP, SWEEP)}
    heard = Received()

    def hear(datagram: bytes) -> None:
        result = poller.heartbeat(datagram)
        assert result is HeartbeatResult.HEARD, result
        metrics.count_heartbeat(result)
        heard(datagram)

    with unlimited(), heartbeat_listener.heartbeats("127.0.0.1", 0, hear) as port:
        for number in range(rounds):
            clock.pass_(INTERVAL)
            datagrams = [heartbeat_of(key, number + 2) for key in keys]
            samples[HEARTBEAT].append(await cost(lambda sent: send_all(port, sent, heard), datagrams))
            begun = time.thread_time()
            poller.sweep()
            samples[SWEEP].append((time.thread_time() - begun) / sessions)
            samples[BARE].append(await bare_datagrams(datagrams))
            samples[HTTP].append(await bare_requests(datagrams[: sessions // 10]))
    assert poller.heard() == sessions, "a heartbeat was missed"
    await poller.close()
    return samples


def heartbeat_of(key: Key, sequence: int) -> bytes:
    """Return a heartbeat of a session, whose token is its name here."""
    digest = token_digest(str(key))
    return to_datagram(heartbeat_id(digest), sequence, 1, heartbeat_key(digest))


@contextmanager
def unlimited() -> Iterator[None]:
    """Take as many datagrams as come, for the time of a measurement."""
    limit = heartbeat_listener.MAX_PER_WINDOW
    heartbeat_listener.MAX_PER_WINDOW = 10**9  # type: ignore[misc]
    try:
        yield
    finally:
        heartbeat_listener.MAX_PER_WINDOW = limit  # type: ignore[misc]


async def cost(send: Callable[[list[bytes]], None], datagrams: list[bytes]) -> float:
    """Return the seconds of this thread for each datagram, while another one sends them."""
    begun = time.thread_time()
    await asyncio.to_thread(send, datagrams)
    return (time.thread_time() - begun) / len(datagrams)


def send_all(port: int, datagrams: list[bytes], received: Received) -> None:
    """Send datagrams, never more than WINDOW ahead of the receiver."""
    target = received.count + len(datagrams)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number, datagram in enumerate(datagrams):
            while target - len(datagrams) + number - received.count >= WINDOW:
                time.sleep(0.0005)
            sender.sendto(datagram, ("127.0.0.1", port))
    while received.count < target:
        time.sleep(0.0005)


async def bare_datagrams(datagrams: list[bytes]) -> float:
    """Return the cost of a datagram that asyncio itself receives, and that is only counted."""
    received = Received()

    class Counting(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            received(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Counting, ("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        return await cost(lambda sent: send_all(port, sent, received), datagrams)
    finally:
        transport.close()


async def bare_requests(datagrams: list[bytes]) -> float:
    """Return the cost of a request, over a connection of its own, that a bare aiohttp application answers."""
    async with answering() as port:
        return await cost(lambda sent: post_all(port, len(sent)), datagrams)


@asynccontextmanager
async def answering() -> AsyncIterator[int]:
    """Serve an application that answers each request with 202."""

    async def accept(_: web.Request) -> web.Response:
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/v1/heartbeat/{namespace}/{name}", accept)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield cast("asyncio.Server", site._server).sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


def post_all(port: int, number: int) -> None:
    """Send requests, one after another."""
    lines = ("POST /v1/heartbeat/bench/session HTTP/1.1", "Host: operator", "Content-Length: 0", "Connection: close")
    request = "\r\n".join((*lines, "", "")).encode()
    for _ in range(number):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request)
            while connection.recv(1024):
                pass


def report(samples: dict[str, list[float]], sessions: int) -> None:
    """Print the fastest round of each: whatever else the machine does only adds to a time."""
    bare = min(samples[BARE])
    rows = [[name, f"{min(times) * 1e6:.1f} µs", f"{min(times) / bare:.2f}"] for name, times in samples.items()]
    share = min(samples[HEARTBEAT]) * sessions / INTERVAL * 100
    note = f"{sessions} sessions with a heartbeat every {INTERVAL:.0f} s take {share:.2f} % of a processor"
    figures.show("Receiving heartbeats", ["what", "fastest", f"ratio to a {BARE}"], rows, note)


if __name__ == "__main__":
    main()
