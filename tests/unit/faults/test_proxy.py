"""The proxy does to requests what a fault says, and nothing else; its faults pass when they are lifted."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.faults.network import Upstream
from tests.faults.proxy import Answer, Fault, Proxy


@dataclass(slots=True)
class Front:
    """A proxy, what is behind it, and somebody who asks."""

    proxy: Proxy
    client: aiohttp.ClientSession
    served: list[str]
    tell: Callable[[bytes], Awaitable[None]]

    async def get(self, path: str) -> int:
        async with self.client.get(f"http://127.0.0.1:{self.proxy.port}{path}") as answer:
            return answer.status

    async def do(self, action: Callable[[], object]) -> None:
        """Ask something of the proxy, which blocks until it is done."""
        await asyncio.to_thread(action)


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    served: list[str] = []
    watches: list[web.StreamResponse] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        served.append(request.path)
        if "watch" not in request.query:
            return web.json_response({})
        response = web.StreamResponse()
        await response.prepare(request)
        watches.append(response)
        await asyncio.Event().wait()
        return response

    async def tell(event: bytes) -> None:
        await watches[-1].write(event)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    async with TestServer(app, shutdown_timeout=0) as server, aiohttp.ClientSession() as client:
        proxy = Proxy(Upstream(str(server.make_url("/")).rstrip("/"), ssl.create_default_context()), "127.0.0.1", None)
        await asyncio.to_thread(proxy.start)
        yield Front(proxy, client, served, tell)
        await asyncio.to_thread(proxy.stop)


async def test_request_that_no_fault_takes_goes_through(front: Front) -> None:
    fault = Fault(Answer.REFUSED, path="/pods/other")
    await front.do(lambda: front.proxy.fault(fault))
    assert await front.get("/pods/this") == 200
    assert fault.hits == 0


async def test_refused_request_never_arrives_and_the_next_one_does(front: Front) -> None:
    fault = Fault(Answer.REFUSED, path="/pods/this", status=429, retry_after=2, times=1)
    await front.do(lambda: front.proxy.fault(fault))
    assert [await front.get("/pods/this"), await front.get("/pods/this")] == [429, 200]
    assert front.served == ["/pods/this"]


async def test_lost_answer_is_of_a_request_that_was_carried_out(front: Front) -> None:
    await front.do(lambda: front.proxy.fault(Fault(Answer.LOST)))
    with pytest.raises(aiohttp.ClientError):
        await front.client.post(f"http://127.0.0.1:{front.proxy.port}/pods")
    assert front.served == ["/pods"]


async def test_hung_request_is_broken_off_when_the_fault_is_lifted(front: Front) -> None:
    fault = Fault(Answer.HUNG, method="POST")
    await front.do(lambda: front.proxy.fault(fault))
    asking = asyncio.create_task(front.client.post(f"http://127.0.0.1:{front.proxy.port}/pods"))
    assert await asyncio.to_thread(front.proxy.wait_for, fault, 90)
    await front.do(lambda: front.proxy.lift(fault))
    with pytest.raises(aiohttp.ClientError):
        await asking
    assert front.served == []


async def test_silenced_watch_brings_nothing_and_is_closed_when_the_fault_is_lifted(front: Front) -> None:
    async with front.client.get(f"http://127.0.0.1:{front.proxy.port}/pods?watch=true") as watch:
        await front.tell(b"one\n")
        assert await watch.content.readline() == b"one\n"
        fault = Fault(Answer.SILENT, watches=True)
        await front.do(lambda: front.proxy.fault(fault))
        await front.tell(b"two\n")
        await front.do(lambda: front.proxy.lift(fault))
        assert await watch.content.read() == b""


async def test_relist_ends_a_watch_with_the_event_that_asks_for_it(front: Front) -> None:
    async with front.client.get(f"http://127.0.0.1:{front.proxy.port}/pods?watch=true") as watch:
        await front.do(front.proxy.relist)
        assert b'"code": 410' in await watch.content.read()


async def test_refusing_proxy_accepts_again_on_the_same_port(front: Front) -> None:
    await front.do(front.proxy.refuse)
    with pytest.raises(aiohttp.ClientError):
        await front.get("/pods")
    await front.do(front.proxy.accept)
    assert await front.get("/pods") == 200
