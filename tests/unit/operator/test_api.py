"""How the API server's answers, and its silence, reach a pass."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from botsession_operator.api.reasons import EventReason
from botsession_operator.core.api_paths import ApiPath
from botsession_operator.core.api_resources import PODS, Target
from botsession_operator.core.status.k8s_events import KubernetesEvent, Severity
from botsession_operator.effects import api
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.effects.uninstall_client import KubernetesUninstallClient
from botsession_operator.errors import ClusterUnavailable, PodRefused
from botsession_operator.watch_store import WatchStore
from tests.apiserver import missing
from tests.builders import KEY, raw_session, session
from tests.log_lines import Line


class Server:
    """Answers every request the same way, and keeps the last."""

    def __init__(self) -> None:
        self.answer = web.Response
        self.status, self.body = 200, '{"kind": "Pod"}'
        self.headers: dict[str, str] = {}
        #: What happens while a request is under way.
        self.meanwhile: Callable[[], object] = lambda: None
        self.last: dict[str, str] = {}

    async def handle(self, request: web.Request) -> web.Response:
        self.meanwhile()
        self.last = {"method": request.method, "path": request.path_qs, "body": await request.text()}
        self.last["authorization"] = request.headers.get("Authorization", "")
        self.last["accept"] = request.headers.get("Accept", "")
        self.last["type"] = request.headers.get("Content-Type", "")
        return web.Response(status=self.status, text=self.body, headers=self.headers)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def connected(server: Server) -> AsyncIterator[client.ApiClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as listening:
        configuration = client.Configuration(host=str(listening.make_url("")).rstrip("/"))
        async with api.make_client(configuration) as connected:
            yield connected


async def test_an_answer_is_plain_json(connected: client.ApiClient, server: Server) -> None:
    answer = await api.request(connected, "GET", Target(PODS, "bots", "p").path())

    assert (answer.status, answer.body, answer.is_ok) == (200, {"kind": "Pod"}, True)
    assert (server.last["method"], server.last["path"]) == ("GET", "/api/v1/namespaces/bots/pods/p")


async def test_a_body_is_sent_as_what_it_is(connected: client.ApiClient, server: Server) -> None:
    await api.request(connected, "PATCH", ApiPath("p"), {"a": 1}, "application/merge-patch+json")

    assert (server.last["body"], server.last["type"]) == ('{"a": 1}', "application/merge-patch+json")


@pytest.mark.parametrize("status", [520, 599])
async def test_a_status_that_no_standard_names_is_no_answer(
    connected: client.ApiClient, server: Server, status: int
) -> None:
    server.status, server.body = status, "<html>"

    with pytest.raises(ClusterUnavailable, match=str(status)):
        await api.request(connected, "GET", ApiPath("p"))


@pytest.mark.parametrize("status", [404, 409, 403, 422])
async def test_a_refusal_is_an_answer(connected: client.ApiClient, server: Server, status: int) -> None:
    server.status, server.body = status, '{"message": "no"}'

    answer = await api.request(connected, "GET", ApiPath("p"))

    assert (answer.status, answer.message, answer.is_ok) == (status, "no", False)


@pytest.mark.parametrize("status", [500, 503, 504, 429, 401])
async def test_an_answer_that_says_later_is_transient(connected: client.ApiClient, server: Server, status: int) -> None:
    server.status, server.body = status, '{"message": "later"}'

    with pytest.raises(ClusterUnavailable, match=f"GET /p: {status} later"):
        await api.request(connected, "GET", ApiPath("p"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2),
        ("0", 0),
        ("9" * 5000, api.MAX_RETRY_AFTER_SECONDS),
        ("-1", 0),
        ("soon", 0),
        ("1.5", 0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
    ],
)
async def test_a_server_says_how_long_it_wants_to_be_left_alone(
    connected: client.ApiClient, server: Server, header: str, seconds: int
) -> None:
    server.status, server.headers = 429, {"Retry-After": header}

    with pytest.raises(ClusterUnavailable) as raised:
        await api.request(connected, "GET", ApiPath("p"))

    assert raised.value.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("body", "message"), [("<html>proxy</html>", "<html>proxy</html>"), ("[]", "Not Found"), ("", "")]
)
async def test_an_answer_of_a_proxy_is_kept_in_its_words(
    connected: client.ApiClient, server: Server, body: str, message: str
) -> None:
    server.status, server.body = 404, body

    assert (await api.request(connected, "GET", ApiPath("p"))).message == message


async def test_a_server_that_is_gone_is_transient() -> None:
    async with client.ApiClient(client.Configuration(host="http://127.0.0.1:1")) as nowhere:
        with pytest.raises(ClusterUnavailable):
            await api.request(nowhere, "GET", ApiPath("p"))


async def test_a_request_takes_no_thread(
    connected: client.ApiClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[object] = []
    monkeypatch.setattr(asyncio, "to_thread", lambda *work: taken.append(work))
    connected.configuration.api_key["BearerToken"] = "bearer secret"

    await api.request(connected, "POST", ApiPath("p"), {"a": 1})

    assert server.last["authorization"] == "bearer secret"
    assert taken == []


@pytest.mark.parametrize(
    ("bypassed", "proxy"), [("", "http://proxy:3128"), ("127.0.0.1", None), ("127.0.0.1:1", None), ("*", None)]
)
def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, bypassed: str, proxy: str | None) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", bypassed)
    configuration = client.Configuration(host="http://127.0.0.1:1")

    api.make_client(configuration)

    assert configuration.proxy == proxy


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "bots", "name": "p"}}
#: What an API server answers who is asked to create something in a namespace that is being deleted.
TERMINATING = json.dumps(
    {
        "reason": "Forbidden",
        "message": "pods is forbidden: unable to create new content in namespace bots because it is being terminated",
        "details": {"causes": [{"reason": "NamespaceTerminating", "message": "namespace bots is being terminated"}]},
    }
)


async def test_a_pod_in_a_namespace_that_is_being_deleted_is_refused_for_that(
    connected: client.ApiClient, server: Server
) -> None:
    server.status, server.body = 403, TERMINATING

    with pytest.raises(PodRefused) as refused:
        await KubernetesCluster(connected, "operator-0").create_pod(POD)

    assert refused.value.reason == "NamespaceTerminating"


async def test_a_status_is_written_only_over_the_version_that_was_read(
    connected: client.ApiClient, server: Server
) -> None:
    server.body = json.dumps(raw_session())

    assert await KubernetesCluster(connected, "operator-0").write_status(KEY, "7", {"phase": "Running"})

    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    assert version in json.loads(server.last["body"])


@pytest.mark.parametrize(
    ("body", "loudly"),
    [
        pytest.param(TERMINATING, False, id="in a namespace that is being deleted"),
        pytest.param('{"reason": "Forbidden", "message": "no right"}', True, id="for want of a right"),
    ],
)
async def test_an_event_that_is_refused_is_complained_of_where_somebody_can_act(
    connected: client.ApiClient, server: Server, logs: list[Line], body: str, loudly: bool
) -> None:
    server.status, server.body = 403, body

    await KubernetesCluster(connected, "operator-0").record_event(
        session(), KubernetesEvent(Severity.NORMAL, EventReason.STARTED, "it has")
    )

    assert any(line["level"] == "warning" for line in logs) is loudly


async def test_sessions_and_pods_are_listed_in_all_namespaces_or_in_those_that_are_named(
    connected: client.ApiClient, server: Server
) -> None:
    server.body = json.dumps({"kind": "BotSessionList", "items": [raw_session()]})
    assert [each["metadata"]["name"] async for each in KubernetesUninstallClient(connected).sessions()] == [KEY.name]
    assert server.last["path"] == "/apis/botsession.dev/v1alpha1/botsessions?limit=50"

    server.body = '{"kind": "PodList", "items": []}'
    assert [each async for each in KubernetesUninstallClient(connected, ("a", "b")).pod_metadata()] == []
    asked = "/api/v1/namespaces/b/pods?labelSelector=botsession.dev/session&limit=500"
    assert server.last["path"] == asked
    assert "as=PartialObjectMetadataList" in server.last["accept"]


async def test_a_crd_that_is_gone_has_taken_its_sessions_along(connected: client.ApiClient, server: Server) -> None:
    server.status, server.body = 404, "404 page not found"

    assert [each async for each in KubernetesUninstallClient(connected).sessions()] == []


@pytest.mark.parametrize(
    ("status", "body"),
    [pytest.param(404, "404 page not found", id="404"), pytest.param(200, "<html>hi</html>", id="200")],
)
async def test_what_a_proxy_answers_does_not_make_pods_gone(
    connected: client.ApiClient, server: Server, status: int, body: str
) -> None:
    server.status, server.body = status, body

    with pytest.raises(ClusterUnavailable):
        _ = [each async for each in KubernetesUninstallClient(connected).pod_metadata()]
    with pytest.raises(ClusterUnavailable):
        await KubernetesCluster(connected, "operator-0").pods_labelled(KEY)


async def test_a_list_that_cannot_be_read_is_not_taken_for_empty(connected: client.ApiClient, server: Server) -> None:
    server.status, server.body = 403, '{"message": "no right"}'

    with pytest.raises(ClusterUnavailable, match="no right"):
        await anext(KubernetesUninstallClient(connected).sessions())


async def test_the_operator_is_stopped_by_its_scale(connected: client.ApiClient, server: Server) -> None:
    await KubernetesUninstallClient(connected, (), (("system", "operator"),)).stop_operator()

    assert (server.last["method"], server.last["body"]) == ("PATCH", '{"spec": {"replicas": 0}}')
    assert server.last["path"] == "/apis/apps/v1/namespaces/system/deployments/operator/scale"


async def test_an_operator_that_is_not_there_needs_no_stopping(connected: client.ApiClient, server: Server) -> None:
    await KubernetesUninstallClient(connected).stop_operator()
    assert server.last == {}

    server.status, server.body = 404, json.dumps(missing("operator", "deployments", "apps"))
    await KubernetesUninstallClient(connected, (), (("system", "operator"),)).stop_operator()

    server.body = "404 page not found\n"  # of a version of Kubernetes that has no such policies
    await KubernetesUninstallClient(connected, policy="finalizer").stop_operator()


async def test_what_a_proxy_answers_does_not_make_an_operator_stopped(
    connected: client.ApiClient, server: Server
) -> None:
    server.status, server.body = 404, "404 page not found"

    with pytest.raises(ClusterUnavailable):
        await KubernetesUninstallClient(connected, (), (("system", "operator"),)).stop_operator()


async def test_no_new_session_gets_our_finalizer_once_the_operator_is_stopped(
    connected: client.ApiClient, server: Server
) -> None:
    await KubernetesUninstallClient(connected, policy="finalizer").stop_operator()

    policies = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings"
    assert (server.last["method"], server.last["path"]) == ("DELETE", f"{policies}/finalizer")


async def test_an_operator_that_cannot_be_stopped_is_no_silent_matter(
    connected: client.ApiClient, server: Server
) -> None:
    server.status, server.body = 403, '{"message": "no right"}'

    with pytest.raises(ClusterUnavailable, match="no right"):
        await KubernetesUninstallClient(connected, (), (("system", "operator"),)).stop_operator()


#: Requests about a session, each of which may find that there is none.
ABOUT_A_SESSION: Final[dict[str, Callable[[KubernetesCluster], Awaitable[object]]]] = {
    "a read": lambda cluster: cluster.session(KEY),
    "its finalizers": lambda cluster: cluster.set_session_finalizers(session(), ()),
    "its status": lambda cluster: cluster.write_status(KEY, "1", {}),
}


@pytest.mark.parametrize("ask", ABOUT_A_SESSION.values(), ids=list(ABOUT_A_SESSION))
async def test_a_session_that_a_request_does_not_find_is_removed_from_the_store(
    connected: client.ApiClient, server: Server, ask: Callable[[KubernetesCluster], Awaitable[object]]
) -> None:
    store = WatchStore()
    store.session_event(None, raw_session())
    server.status, server.body = 404, json.dumps(missing(KEY.name))

    assert not await ask(KubernetesCluster(connected, "me", observer=store))

    assert KEY not in store


@pytest.mark.parametrize("ask", ABOUT_A_SESSION.values(), ids=list(ABOUT_A_SESSION))
async def test_a_session_that_is_created_while_a_request_finds_none_stays(
    connected: client.ApiClient, server: Server, ask: Callable[[KubernetesCluster], Awaitable[object]]
) -> None:
    store = WatchStore()
    store.session_event(None, raw_session())
    server.meanwhile = lambda: store.session_event("ADDED", raw_session(uid="new", resourceVersion="9"))
    server.status, server.body = 404, json.dumps(missing(KEY.name))

    await ask(KubernetesCluster(connected, "me", observer=store))

    assert store.session_uid(KEY) == "new"
