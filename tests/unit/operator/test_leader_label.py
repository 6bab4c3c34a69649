"""The label of the leader's pod follows the lease, and never comes late."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from botsession_operator.core.names import LEADER_LABEL
from botsession_operator.effects import leader_label
from botsession_operator.effects.leader_label import LeaderLabel

POD = "/api/v1/namespaces/system/pods/"


class Elected:
    """An election that is won, and the lease of which may be lost."""

    def __init__(self, predecessor: str | None = None) -> None:
        self.predecessor = predecessor
        self.is_lost = False

    async def elected(self) -> None:
        await asyncio.sleep(0)

    def seconds_left(self) -> float:
        return 0.0 if self.is_lost else 10.0


class Server:
    """Keeps what is asked for, and answers with these statuses first."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.asked: list[tuple[str, str | None]] = []
        self.lease = Elected()

    async def handle(self, request: web.Request) -> web.Response:
        label = (await request.json())["metadata"]["labels"][LEADER_LABEL]
        self.asked.append((request.path.removeprefix(POD), label))
        status = self.statuses.pop(0) if self.statuses else 200
        self.lease.is_lost |= label == "true" and status != 200
        metadata = {"namespace": "system", "name": request.path.removeprefix(POD)}
        return web.json_response({"kind": "Pod", "metadata": metadata}, status=status)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(leader_label, "RETRY_SECONDS", 0.0)
    return Server()


@pytest.fixture
async def label(server: Server) -> AsyncIterator[LeaderLabel]:
    app = web.Application()
    app.router.add_patch("/{path:.*}", server.handle)
    async with TestServer(app) as listening:
        configuration = client.Configuration(host=str(listening.make_url("")).rstrip("/"))
        async with client.ApiClient(configuration) as connected:
            yield LeaderLabel(connected, "system", "me")


async def test_the_leader_gets_the_label_and_its_predecessor_loses_it(server: Server, label: LeaderLabel) -> None:
    server.lease.predecessor = "other"

    await label.follow(server.lease)

    assert server.asked == [("me", None), ("me", "true"), ("other", None)]


async def test_a_leader_that_loses_its_lease_while_it_retries_is_not_labelled(
    server: Server, label: LeaderLabel
) -> None:
    server.statuses, server.lease.predecessor = [200, 503], "other"

    await label.follow(server.lease)

    assert server.asked == [("me", None), ("me", "true")]


async def test_a_label_is_removed_however_long_the_api_server_is_away(server: Server, label: LeaderLabel) -> None:
    server.statuses = [503, 503]

    await label.follow(server.lease)

    assert server.asked == [("me", None)] * 3 + [("me", "true")]
