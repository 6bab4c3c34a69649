"""The Webhook port over HTTP, against a receiver that checks signatures by the library that receivers use."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import standardwebhooks
from aiohttp import web
from aiohttp.test_utils import TestServer

from botsession_operator.clock import SystemClock
from botsession_operator.core.delivery import Answer, Reply
from botsession_operator.effects import webhook as webhook_module
from botsession_operator.effects.webhook import HttpWebhook
from tests.ports import free_port

SECRET, OLDER = "whsec_" + "A" * 32, "whsec_" + "B" * 32
BODY = '{"note":"grüezi"}'

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver:
    """Answers as the test says, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.respond: Respond = _status(204)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.got.append((dict(request.headers), await request.read()))
        return await self.respond(request)

    def verified(self, secret: str) -> object:
        """Give the only message, checked as its receiver would."""
        ((headers, body),) = self.got
        return standardwebhooks.Webhook(secret).verify(body, headers)


def _status(code: int, **headers: str) -> Respond:
    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers)

    return respond


async def _never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def _breaks_off(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.close()
    return web.Response()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def url(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook"))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def webhook(http: aiohttp.ClientSession, url: str, *secrets: str) -> HttpWebhook:
    return HttpWebhook(http, url, secrets or (SECRET,), SystemClock())


async def test_message_arrives_with_its_id_and_its_form(
    http: aiohttp.ClientSession, receiver: Receiver, url: str
) -> None:
    assert await webhook(http, url).post("uid.started", BODY) == Reply(Answer.DELIVERED, "204")
    ((headers, body),) = receiver.got
    assert (headers["webhook-id"], body.decode()) == ("uid.started", BODY)
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"


async def test_signature_is_what_the_receivers_library_expects(
    http: aiohttp.ClientSession, receiver: Receiver, url: str
) -> None:
    await webhook(http, url).post("uid.started", BODY)
    assert receiver.verified(SECRET) == json.loads(BODY)


@pytest.mark.parametrize("known", [SECRET, OLDER])
async def test_receiver_may_know_either_secret_while_one_is_replaced(
    http: aiohttp.ClientSession, receiver: Receiver, url: str, known: str
) -> None:
    await webhook(http, url, SECRET, OLDER).post("uid.started", BODY)
    assert receiver.verified(known) == json.loads(BODY)


async def test_signature_by_another_secret_is_refused(
    http: aiohttp.ClientSession, receiver: Receiver, url: str
) -> None:
    await webhook(http, url).post("uid.started", BODY)
    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        receiver.verified(OLDER)


@pytest.mark.parametrize(
    ("respond", "reply"),
    [
        pytest.param(_status(200), Reply(Answer.DELIVERED, "200"), id="taken"),
        pytest.param(_status(202), Reply(Answer.DELIVERED, "202"), id="taken for later"),
        pytest.param(_status(410), Reply(Answer.GONE, "410"), id="no more"),
        pytest.param(_status(400), Reply(Answer.FAILED, "400"), id="refused"),
        pytest.param(_status(429), Reply(Answer.FAILED, "429"), id="too often"),
        pytest.param(_status(503), Reply(Answer.FAILED, "503"), id="not now"),
        pytest.param(
            _status(302, Location="/hook"), Reply(Answer.FAILED, "302"), id="elsewhere, which is not followed"
        ),
        pytest.param(_breaks_off, Reply(Answer.FAILED, "ServerDisconnectedError"), id="broken off"),
    ],
)
async def test_what_an_answer_means(
    http: aiohttp.ClientSession, receiver: Receiver, url: str, respond: Respond, reply: Reply
) -> None:
    receiver.respond = respond
    assert await webhook(http, url).post("uid.started", BODY) == reply
    assert len(receiver.got) == 1


async def test_no_answer_in_time_is_a_failure(
    http: aiohttp.ClientSession, receiver: Receiver, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.05))
    receiver.respond = _never
    answer, detail = await webhook(http, url).post("uid.started", BODY)
    assert (answer, "Timeout" in detail) == (Answer.FAILED, True)


async def test_nobody_there_is_a_failure(http: aiohttp.ClientSession) -> None:
    reply = await webhook(http, f"http://127.0.0.1:{free_port()}/").post("uid.started", BODY)
    assert reply == Reply(Answer.FAILED, "ClientConnectorError")


async def test_address_that_is_none_is_a_failure(http: aiohttp.ClientSession) -> None:
    reply = await webhook(http, "http://[::1/").post("uid.started", BODY)
    assert reply.answer is Answer.FAILED
