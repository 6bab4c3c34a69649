"""The Webhook port over HTTP, against a receiver that checks signatures by the library that receivers use."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import standardwebhooks
from aiohttp import web
from aiohttp.test_utils import TestServer

from botsession_operator.clock import SystemClock
from botsession_operator.core.observe.webhook_delivery import Answer, Reply
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
        """Return the last message, checked as its receiver would."""
        headers, body = self.got[-1]
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


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """Return what the chart mounts."""
    file = tmp_path / "secret"
    file.write_text(SECRET)
    return file


async def edit(file: Path, content: str | None) -> None:
    """Do what the kubelet does some time after somebody has edited the Secret; None: there is nothing any more."""
    replaced = file.with_name("replaced")
    if content is None:
        await asyncio.to_thread(file.unlink)
    else:
        await asyncio.to_thread(replaced.write_text, content)
        await asyncio.to_thread(replaced.replace, file)


@pytest.fixture
def webhook(http: aiohttp.ClientSession, url: str, secret_file: Path) -> HttpWebhook:
    return HttpWebhook(http, url, secret_file, SystemClock())


async def test_message_arrives_with_its_id_and_its_form(webhook: HttpWebhook, receiver: Receiver) -> None:
    assert await webhook.post("uid.started", BODY) == Reply(Answer.DELIVERED, "204")
    ((headers, body),) = receiver.got
    assert (headers["webhook-id"], body.decode()) == ("uid.started", BODY)
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"


async def test_signature_is_what_the_receivers_library_expects(webhook: HttpWebhook, receiver: Receiver) -> None:
    await webhook.post("uid.started", BODY)
    assert receiver.verified(SECRET) == json.loads(BODY)


@pytest.mark.parametrize("known", [SECRET, OLDER])
async def test_receiver_may_know_either_secret_while_one_is_replaced(
    webhook: HttpWebhook, receiver: Receiver, secret_file: Path, known: str
) -> None:
    await edit(secret_file, f"{SECRET} {OLDER}\n")
    await webhook.post("uid.started", BODY)
    assert receiver.verified(known) == json.loads(BODY)


async def test_secret_that_was_replaced_signs_the_next_message(
    webhook: HttpWebhook, receiver: Receiver, secret_file: Path
) -> None:
    await webhook.post("uid.started", BODY)
    await edit(secret_file, OLDER)
    await webhook.post("uid.finished", BODY)
    assert receiver.verified(OLDER) == json.loads(BODY)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param("", "the signing secret must hold whsec_", id="empty"),
        pytest.param("hunter2", "the signing secret must hold whsec_", id="no such secret"),
        pytest.param(None, "the signing secret cannot be read: No such file or directory", id="gone"),
    ],
)
async def test_nothing_is_sent_that_cannot_be_signed_and_the_next_try_reads_it_again(
    webhook: HttpWebhook, receiver: Receiver, secret_file: Path, content: str | None, why: str
) -> None:
    await edit(secret_file, content)
    answer, detail, _ = await webhook.post("uid.started", BODY)
    assert (answer, detail.startswith(why), receiver.got) == (Answer.UNSIGNED, True, [])

    await edit(secret_file, SECRET)
    assert (await webhook.post("uid.started", BODY)).answer is Answer.DELIVERED


async def test_signature_by_another_secret_is_refused(webhook: HttpWebhook, receiver: Receiver) -> None:
    await webhook.post("uid.started", BODY)
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
            _status(503, **{"Retry-After": "90"}), Reply(Answer.FAILED, "503", timedelta(seconds=90)), id="not yet"
        ),
        pytest.param(
            _status(302, Location="/hook"), Reply(Answer.FAILED, "302"), id="elsewhere, which is not followed"
        ),
        pytest.param(_breaks_off, Reply(Answer.FAILED, "ServerDisconnectedError"), id="broken off"),
    ],
)
async def test_what_an_answer_means(webhook: HttpWebhook, receiver: Receiver, respond: Respond, reply: Reply) -> None:
    receiver.respond = respond
    assert await webhook.post("uid.started", BODY) == reply
    assert len(receiver.got) == 1


async def test_no_answer_in_time_is_a_failure(
    webhook: HttpWebhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.05))
    receiver.respond = _never
    answer, detail, _ = await webhook.post("uid.started", BODY)
    assert (answer, "Timeout" in detail) == (Answer.FAILED, True)


async def test_nobody_there_is_a_failure(http: aiohttp.ClientSession, secret_file: Path) -> None:
    nobody = HttpWebhook(http, f"http://127.0.0.1:{free_port()}/", secret_file, SystemClock())
    reply = await nobody.post("uid.started", BODY)
    assert reply == Reply(Answer.FAILED, "ClientConnectorError")


async def test_address_that_is_none_is_a_failure(http: aiohttp.ClientSession, secret_file: Path) -> None:
    reply = await HttpWebhook(http, "http://[::1/", secret_file, SystemClock()).post("uid.started", BODY)
    assert reply.answer is Answer.FAILED
