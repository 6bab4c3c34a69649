"""The pages on results and the webhook are held to the code: their programs run, and their event is one."""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from botsession_operator.clock import SystemClock
from botsession_operator.core.observe.webhook_delivery import Answer, EventType
from botsession_operator.core.webhook.cloudevent import cloud_event
from botsession_operator.effects.webhook import HttpWebhook
from botsession_runtime.result import create_file, path_of, read
from tests.builders import UID
from tests.unit.core.webhook.test_cloudevent import FINISHED, of

HOW_TO = Path(__file__).parents[3] / "docs/how-to"
PAGES = "".join((HOW_TO / page).read_text() for page in ("results.md", "webhook.md"))
SECRET = "whsec_" + "A" * 32


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES, re.MULTILINE | re.DOTALL)


def block(language: str, word: str) -> str:
    (found,) = (each for each in blocks(language) if word in each)
    return found


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Run the page's receiver; give its URL."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    module: dict[str, Any] = {}
    exec(block("python", "Webhook"), module)  # noqa: S102  # it is ours
    async with TestServer(module["app"]()) as server:
        yield str(server.make_url("/botsessions"))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def signing(http: aiohttp.ClientSession, url: str, folder: Path, secret: str) -> HttpWebhook:
    """Return a webhook whose messages are signed with this secret."""
    file = folder / "secret"
    file.write_text(secret)
    return HttpWebhook(http, url, file, SystemClock())


async def test_the_receiver_takes_an_event_once(
    receiver: str, http: aiohttp.ClientSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook = signing(http, receiver, tmp_path, SECRET)
    event = cloud_event(of(FINISHED), EventType.FINISHED, "tests")
    for _ in range(2):
        reply = await webhook.post(event["id"], json.dumps(event))
        assert reply.answer is Answer.DELIVERED
    expected = "bots/support-42 dev.botsession.session.finished {'booked': True, 'table': None}\n"
    assert capsys.readouterr().out == expected


async def test_the_receiver_refuses_what_somebody_else_has_signed(
    receiver: str, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    stranger = signing(http, receiver, tmp_path, "whsec_" + "B" * 32)
    assert (await stranger.post("id", "{}")).detail == "401"


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    made = create_file()
    monkeypatch.setenv("BOTSESSION_RESULT_FILE", path_of(made))
    yield made
    os.close(made)


def test_the_two_lines_of_a_bot_hand_over_a_result(file: int) -> None:
    exec(block("python", "set_result"), {})  # noqa: S102  # it is ours
    assert read(file).value == {"booked": True, "table": 4}


def test_the_event_shown_is_one() -> None:
    (shown,) = map(json.loads, blocks("json"))
    sent = cloud_event(of(FINISHED), EventType.FINISHED, "botsession-operator")
    assert {**shown, "data": 0, "subject": 0} == {**sent, "data": 0, "subject": 0}
    assert {**shown["data"], "name": 0, "result": 0} == {**sent["data"], "name": 0, "result": 0}
    assert shown["data"]["uid"] == UID
