"""The supervisor's pokes, received by a real server."""

import asyncio

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from botsession_runtime import poke
from botsession_runtime.poke import Poker


class Operator:
    """Counts pokes, and answers when it is let."""

    def __init__(self) -> None:
        self.pokes = 0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def poked(self, _: web.Request) -> web.Response:
        self.pokes += 1
        self.asked.set()
        await self.may_answer.wait()
        return web.Response(status=202)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no poke given up because this process was not let run for a second."""
    monkeypatch.setattr(poke, "POKE_SECONDS", 3600.0)


async def poker_and(operator: Operator, aiohttp_server: AiohttpServer) -> Poker:
    app = web.Application()
    app.router.add_post("/", operator.poked)
    return Poker(str((await aiohttp_server(app)).make_url("/")))


async def test_pokes_that_are_asked_for_meanwhile_become_one(aiohttp_server: AiohttpServer) -> None:
    operator = Operator()
    poker = await poker_and(operator, aiohttp_server)
    poker.poke()
    await operator.asked.wait()
    poker.poke()
    poker.poke()
    operator.may_answer.set()

    await poker.close()

    assert operator.pokes == 2


async def test_nobody_is_poked_because_a_supervisor_leaves(aiohttp_server: AiohttpServer) -> None:
    operator = Operator()
    operator.may_answer.set()

    await (await poker_and(operator, aiohttp_server)).close()

    assert operator.pokes == 0


async def test_an_operator_that_is_not_there_keeps_nobody() -> None:
    poker = Poker("http://127.0.0.1:9")
    poker.poke()

    await poker.close()


async def test_without_an_address_nothing_is_sent() -> None:
    poker = Poker(None)
    poker.poke()

    await poker.close()


async def test_bot_that_makes_up_news_is_not_passed_on_to_the_operator(
    aiohttp_server: AiohttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poke, "PAUSE_SECONDS", 3600.0)
    operator = Operator()
    operator.may_answer.set()
    poker = await poker_and(operator, aiohttp_server)
    for _ in range(3 * poke.MAX_AT_ONCE):
        operator.asked.clear()
        poker.poke()
        if operator.pokes < poke.MAX_AT_ONCE:
            await operator.asked.wait()
        else:
            await asyncio.sleep(0)

    assert operator.pokes == poke.MAX_AT_ONCE
    await poker.close()
    assert operator.pokes == poke.MAX_AT_ONCE + 1, "the last news is told"


async def test_poke_is_not_sent_elsewhere(aiohttp_server: AiohttpServer) -> None:
    operator = Operator()
    operator.may_answer.set()

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    app = web.Application()
    app.router.add_post("/", moved)
    app.router.add_post("/elsewhere", operator.poked)
    poker = Poker(str((await aiohttp_server(app)).make_url("/")))
    poker.poke()
    await poker.close()
    assert operator.pokes == 0


async def test_address_that_is_none_keeps_nobody() -> None:
    poker = Poker("no address")
    poker.poke()
    await poker.close()
