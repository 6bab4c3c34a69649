"""The operator's own endpoint: probes, pokes and metrics."""

import asyncio
import resource
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from aiohttp.web import Application, Request
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from yarl import URL

from botsession_contract.connections import ConnectionGuard
from botsession_contract.lifecycle import Phase
from botsession_operator.core.session_key import Key
from botsession_operator.metrics import Metrics
from botsession_operator.server import SCRAPE_BURST, create_app, metrics, serving
from tests.malformed import MALFORMED, send


class Operator:
    """What the endpoint talks to."""

    def __init__(self) -> None:
        self.poked: list[Key] = []
        self.sources: set[str] = set()
        self.is_ready = True
        self.metrics = Metrics(CollectorRegistry())

    def poke(self, address: str, key: Key | None) -> None:
        self.sources.add(address)
        self.poked += [key] if key else []


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
async def client(operator: Operator) -> AsyncIterator[TestClient[Request, Application]]:
    app = create_app(operator.poke, lambda: operator.is_ready, operator.metrics.registry)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_an_operator_whose_loop_runs_lives(client: TestClient[Request, Application]) -> None:
    assert (await client.get("/livez")).status == 200


@pytest.mark.parametrize(("is_ready", "status"), [(True, 200), (False, 503)])
async def test_readiness(
    client: TestClient[Request, Application], operator: Operator, is_ready: bool, status: int
) -> None:
    operator.is_ready = is_ready

    assert (await client.get("/readyz")).status == status


async def test_a_poke_marks_its_session(client: TestClient[Request, Application], operator: Operator) -> None:
    answer = await client.post("/v1/poke/bots/support-42")

    assert answer.status == 202
    assert operator.poked == [Key("bots", "support-42")]
    assert operator.sources == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("accept", "content_type", "last"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", ""),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0", "# EOF"),
        ("application/openmetrics-text; version=abc", "application/openmetrics-text; version=1.0.0", "# EOF"),
    ],
    ids=["text", "OpenMetrics", "no version"],
)
async def test_a_scrape_is_answered_in_the_format_it_asks_for(
    client: TestClient[Request, Application], operator: Operator, accept: str, content_type: str, last: str
) -> None:
    operator.metrics.set_phase(Key("bots", "support-42"), Phase.RUNNING)

    answer = await client.get("/metrics", headers={"Accept": accept})

    text = await answer.text()
    assert 'botsession_sessions{namespace="bots",phase="Running"} 1.0' in text
    assert answer.headers["Content-Type"].startswith(content_type)
    assert text.endswith(f"{last}\n")


#: No test waits longer for the other side, in seconds.
PATIENCE = 90.0


class LongScrape(Collector):
    """Takes as long as it is let."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.may_end = threading.Event()
        self.count = 0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        self.count += 1
        self.has_begun.set()
        yield GaugeMetricFamily("waited", "Whether it was let go", self.may_end.wait(timeout=PATIENCE))


async def test_the_loop_runs_on_during_a_long_scrape(
    client: TestClient[Request, Application], operator: Operator
) -> None:
    long = LongScrape()
    operator.metrics.registry.register(long)
    scrape = asyncio.create_task(client.get("/metrics"))
    assert await asyncio.to_thread(long.has_begun.wait, PATIENCE)

    assert (await client.get("/livez")).status == 200

    long.may_end.set()
    assert "waited 1.0" in await (await scrape).text()


async def test_scrapes_that_wait_cost_one(operator: Operator) -> None:
    long = LongScrape()
    app = create_app(operator.poke, lambda: True, operator.metrics.registry)
    operator.metrics.registry.register(long)  # which collects once
    under_way = asyncio.create_task(metrics(make_mocked_request("GET", "/metrics", app=app)))
    assert await asyncio.to_thread(long.has_begun.wait, PATIENCE)
    begun = long.count

    waiting = [asyncio.create_task(metrics(make_mocked_request("GET", "/metrics", app=app))) for _ in range(20)]
    await asyncio.sleep(0)  # each of them has asked
    long.may_end.set()
    await asyncio.gather(under_way, *waiting)

    assert long.count == begun + 1


@pytest.mark.parametrize(("path", "status"), [("/v1/poke/bots/a", 405), ("/v1/poke/bots", 404), ("/", 404)])
async def test_nothing_else_is_answered(client: TestClient[Request, Application], path: str, status: int) -> None:
    assert (await client.get(path)).status == status


#: What an aiohttp server makes of these paths was an API path of another object, or a selector of all pods.
NO_SESSIONS = [
    "victim/call-1%3Fx",
    "%2e%2e/x%3Fy%3B%26labelSelector=botsession.dev%2Fsession",
    "..%2Fpods%3FlabelSelector=botsession.dev%2Fsession%26x=/y",
    "victim%2Fbotsessions%2Fcall-1/status",
    "victim/call-1%2Fstatus",
    "victim/call-1%23",
    "victim/call-1%0A",
    "victim/call-1%00",
    "victim/%D9%A1",
    "victim/CALL-1",
    f"victim/{'a' * 64}",
    f"{'a' * 64}/call-1",
]


@pytest.mark.parametrize("path", NO_SESSIONS)
async def test_a_poke_that_names_no_session_marks_none(
    client: TestClient[Request, Application], operator: Operator, path: str
) -> None:
    answer = await client.post(URL(f"/v1/poke/{path}", encoded=True))

    assert answer.status == 202
    assert operator.poked == []


async def test_an_address_that_scrapes_without_end_is_put_off(
    client: TestClient[Request, Application], operator: Operator
) -> None:
    answers = [(await client.get("/metrics")).status for _ in range(SCRAPE_BURST + 20)]

    assert answers[:SCRAPE_BURST] == [200] * SCRAPE_BURST
    assert 429 in answers
    assert (await client.get("/livez")).status == 200


async def test_an_answer_ends_its_connection(client: TestClient[Request, Application]) -> None:
    assert (await client.get("/livez")).headers["Connection"] == "close"


#: What never becomes a request, or never ends.
HALF_OPEN = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\r\n\r\n", id="empty lines"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\n", id="half of the headers"),
    pytest.param(b"POST /v1/poke/bots/a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", id="no body"),
    pytest.param(b"POST /v1/poke/bots/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5", id="half of a chunk"),
]


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process have the files that both ends of hundreds of connections take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def livez(host: str, port: int) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"http://{host}:{port}/livez") as answer:
        return answer.status


class Caller(asyncio.Protocol):
    """Says what it is given, and waits until the server hangs up."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self.heard = b""
        self.is_closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._says)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed.set()


async def calling(host: str, port: int, says: bytes) -> Caller:
    _, caller = await asyncio.get_running_loop().create_connection(lambda: Caller(says), host, port)
    return caller


@pytest.mark.parametrize("said", HALF_OPEN)
async def test_a_request_that_is_half_open_is_closed(operator: Operator, said: bytes) -> None:
    app = create_app(operator.poke, lambda: True, operator.metrics.registry)
    async with serving(app, "127.0.0.1", 0, ConnectionGuard(lifetime_seconds=0.3)) as (host, port):
        async with asyncio.timeout(PATIENCE):
            await (await calling(host, port, said)).is_closed.wait()


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(ConnectionGuard(), id="of which few are kept at once"),
        pytest.param(ConnectionGuard(lifetime_seconds=3, most=1000, most_per_address=1000), id="which are all kept"),
    ],
)
async def test_probes_are_answered_beside_800_half_open_requests_which_are_all_closed(
    operator: Operator, guard: ConnectionGuard
) -> None:
    app = create_app(operator.poke, lambda: True, operator.metrics.registry)
    async with serving(app, "127.0.0.1", 0, guard) as (host, port), asyncio.timeout(PATIENCE):
        callers = []
        for number in range(800):
            callers.append(await calling(host, port, b"GET /livez HTTP/1.1\r\nHost: x\r\n"))
            if number % 100 == 99:
                assert await livez(host, port) == 200

        await asyncio.gather(*(caller.is_closed.wait() for caller in callers))
        assert not any(caller.heard for caller in callers)


async def test_headers_without_end_are_refused(operator: Operator) -> None:
    app = create_app(operator.poke, lambda: True, operator.metrics.registry)
    flood = b"GET /livez HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(500)) + b"\r\n"
    async with serving(app, "127.0.0.1", 0, ConnectionGuard()) as (host, port), asyncio.timeout(PATIENCE):
        caller = await calling(host, port, flood)
        await caller.is_closed.wait()
        assert caller.heard.startswith(b"HTTP/1.0 400 ") or caller.heard.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("said", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_http_leaves_nothing_in_the_log(
    operator: Operator, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    app = create_app(operator.poke, lambda: True, operator.metrics.registry)
    async with serving(app, "127.0.0.1", 0, ConnectionGuard()) as (host, port):
        assert (await send(host, port, said)).startswith((b"HTTP/1.0 4", b"HTTP/1.1 4"))

    assert caplog.records == []


async def test_a_bug_of_the_endpoint_keeps_its_traceback(operator: Operator, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(operator.poke, lambda: bool(1 / 0), operator.metrics.registry)
    async with serving(app, "127.0.0.1", 0, ConnectionGuard()) as (host, port):
        await send(host, port, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")

    assert "ZeroDivisionError" in caplog.text


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_probes_of_both_families_are_answered_where_the_pod_listens_on_all_addresses(operator: Operator) -> None:
    app = create_app(operator.poke, lambda: True, operator.metrics.registry)
    async with serving(app, "0.0.0.0", 0, ConnectionGuard()) as (_, port), asyncio.timeout(PATIENCE):
        assert [await livez(host, port) for host in ("127.0.0.1", "[::1]")] == [200, 200]
