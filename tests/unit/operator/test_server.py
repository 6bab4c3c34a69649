"""The operator's own endpoint: probes, pokes and metrics."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from yarl import URL

from botsession_contract.lifecycle import Phase
from botsession_operator.core.key import Key
from botsession_operator.metrics import Metrics
from botsession_operator.server import create_app


class Operator:
    """What the endpoint talks to."""

    def __init__(self) -> None:
        self.poked: list[Key] = []
        self.is_ready = True
        self.metrics = Metrics(CollectorRegistry())


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
async def client(operator: Operator) -> AsyncIterator[TestClient[Request, Application]]:
    app = create_app(operator.poked.append, lambda: operator.is_ready, operator.metrics.registry)
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


@pytest.mark.parametrize(
    ("accept", "content_type", "last"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", ""),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0", "# EOF"),
    ],
    ids=["text", "OpenMetrics"],
)
async def test_a_scrape_is_answered_in_the_format_it_asks_for(
    client: TestClient[Request, Application], operator: Operator, accept: str, content_type: str, last: str
) -> None:
    operator.metrics.show(Key("bots", "support-42"), Phase.RUNNING)

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

    def collect(self) -> Iterator[GaugeMetricFamily]:
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
