"""How the API server's answers, and its silence, reach a pass."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from botsession_operator.effects import api
from botsession_operator.errors import ClusterUnavailable


class Server:
    """Answers every request the same way, and keeps the last."""

    def __init__(self) -> None:
        self.answer = web.Response
        self.status, self.body = 200, '{"kind": "Pod"}'
        self.last: dict[str, str] = {}

    async def handle(self, request: web.Request) -> web.Response:
        self.last = {"method": request.method, "path": request.path_qs, "body": await request.text()}
        self.last["type"] = request.headers.get("Content-Type", "")
        return web.Response(status=self.status, text=self.body)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def connected(server: Server) -> AsyncIterator[client.ApiClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as listening:
        configuration = client.Configuration(host=str(listening.make_url("")).rstrip("/"))
        async with client.ApiClient(configuration) as connected:
            yield connected


async def test_an_answer_is_plain_json(connected: client.ApiClient, server: Server) -> None:
    answer = await api.request(connected, "GET", "/api/v1/namespaces/bots/pods/p?x=y")

    assert (answer.status, answer.body, answer.is_ok) == (200, {"kind": "Pod"}, True)
    assert (server.last["method"], server.last["path"]) == ("GET", "/api/v1/namespaces/bots/pods/p?x=y")


async def test_a_body_is_sent_as_what_it_is(connected: client.ApiClient, server: Server) -> None:
    await api.request(connected, "PATCH", "/p", {"a": 1}, "application/merge-patch+json")

    assert (server.last["body"], server.last["type"]) == ('{"a": 1}', "application/merge-patch+json")


@pytest.mark.parametrize("status", [404, 409, 403, 422])
async def test_a_refusal_is_an_answer(connected: client.ApiClient, server: Server, status: int) -> None:
    server.status, server.body = status, '{"message": "no"}'

    answer = await api.request(connected, "GET", "/p")

    assert (answer.status, answer.message, answer.is_ok) == (status, "no", False)


@pytest.mark.parametrize("status", [500, 503, 504, 429, 401])
async def test_an_answer_that_says_later_is_transient(connected: client.ApiClient, server: Server, status: int) -> None:
    server.status, server.body = status, '{"message": "later"}'

    with pytest.raises(ClusterUnavailable, match=f"GET /p: {status} later"):
        await api.request(connected, "GET", "/p")


@pytest.mark.parametrize(
    ("body", "message"), [("<html>proxy</html>", "<html>proxy</html>"), ("[]", "Not Found"), ("", "")]
)
async def test_an_answer_of_a_proxy_is_kept_in_its_words(
    connected: client.ApiClient, server: Server, body: str, message: str
) -> None:
    server.status, server.body = 404, body

    assert (await api.request(connected, "GET", "/p")).message == message


async def test_a_server_that_is_gone_is_transient() -> None:
    async with client.ApiClient(client.Configuration(host="http://127.0.0.1:1")) as nowhere:
        with pytest.raises(ClusterUnavailable):
            await api.request(nowhere, "GET", "/p")
