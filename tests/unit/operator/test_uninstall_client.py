"""Sessions and pods are listed page by page, and only with the fields that are needed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from kubernetes.aio import client

from botsession_contract.names import SESSION_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.effects.uninstall_client import KubernetesUninstallClient
from botsession_operator.errors import ClusterUnavailable, RequestRefused
from tests.builders import raw_session


@dataclass
class Pages:
    """An API server that answers each list in pages of two."""

    items: list[Json] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    refuses: tuple[int, Json] | None = None

    async def answer(self, request: web.BaseRequest) -> web.Response:
        query = dict(request.query)
        self.asked.append((request.path, query, request.headers["Accept"]))
        first = int(query.get("continue", "0"))
        if self.refuses and first:
            return web.json_response(self.refuses[1], status=self.refuses[0])
        more = {"continue": str(first + 2)} if first + 2 < len(self.items) else {}
        return web.json_response({"kind": "List", "metadata": more, "items": self.items[first : first + 2]})


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def connected(pages: Pages) -> AsyncIterator[client.ApiClient]:
    async with RawTestServer(pages.answer) as server:
        configuration = client.Configuration(host=str(server.make_url("")).rstrip("/"))
        async with client.ApiClient(configuration) as connected:
            yield connected


def pod(name: str, namespace: str = "bots", label: str = "call") -> Json:
    return {"metadata": {"namespace": namespace, "name": name, "labels": {SESSION_LABEL: label}}}


async def test_all_pages_are_read(connected: client.ApiClient, pages: Pages) -> None:
    pages.items = [raw_session(name=f"call-{number}") for number in range(5)]

    found = [each["metadata"]["name"] async for each in KubernetesUninstallClient(connected).sessions()]

    assert found == [f"call-{number}" for number in range(5)]
    assert [query.get("continue") for _, query, _ in pages.asked] == [None, "2", "4"]
    assert all(int(query["limit"]) <= 50 for _, query, _ in pages.asked)


async def test_a_page_is_read_only_when_it_is_needed(connected: client.ApiClient, pages: Pages) -> None:
    pages.items = [raw_session(name=f"call-{number}") for number in range(5)]

    await anext(KubernetesUninstallClient(connected).sessions())

    assert len(pages.asked) == 1


async def test_of_pods_only_the_metadata_is_read(connected: client.ApiClient, pages: Pages) -> None:
    pages.items = [pod("a"), pod("b"), pod("c")]

    assert len([each async for each in KubernetesUninstallClient(connected).pod_metadata()]) == 3
    assert all(accept.startswith("application/json;as=PartialObjectMetadataList") for _, _, accept in pages.asked)
    assert all(query["labelSelector"] == SESSION_LABEL for _, query, _ in pages.asked)


async def test_what_was_not_asked_for_is_left_out(connected: client.ApiClient, pages: Pages) -> None:
    pages.items = [pod("a"), pod("stranger", namespace="other"), {"metadata": {"namespace": "bots", "name": "web"}}]

    client = KubernetesUninstallClient(connected, ("bots",))

    assert [each["metadata"]["name"] async for each in client.pod_metadata()] == ["a"]


async def test_a_session_whose_name_no_operator_could_look_after_is_left_out(
    connected: client.ApiClient, pages: Pages
) -> None:
    pages.items = [raw_session(name="x" * 64), raw_session()]

    client = KubernetesUninstallClient(connected)

    assert len([each async for each in client.sessions()]) == 1
    assert len([each async for each in client.session_metadata()]) == 1


async def test_a_list_that_expires_between_two_pages_is_begun_anew_by_the_next_read(
    connected: client.ApiClient, pages: Pages
) -> None:
    pages.items = [raw_session(name=f"call-{number}") for number in range(5)]
    pages.refuses = (410, {"kind": "Status", "reason": "Expired", "message": "the list is too old"})

    with pytest.raises(ClusterUnavailable, match="too old"):
        _ = [each async for each in KubernetesUninstallClient(connected).sessions()]


async def test_a_list_that_is_refused_is_not_taken_for_short(connected: client.ApiClient, pages: Pages) -> None:
    pages.items = [raw_session(name=f"call-{number}") for number in range(5)]
    pages.refuses = (400, {"kind": "Status", "reason": "BadRequest", "message": "no such page"})

    with pytest.raises(RequestRefused, match="no such page"):
        _ = [each async for each in KubernetesUninstallClient(connected).sessions()]
