"""Each text that goes into an API path stays one segment, or one value of the query, up to the server's own parser."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio import client

from botsession_operator.core.api_paths import ApiPath, InvalidPathError
from botsession_operator.core.api_resources import BUDGETS, PODS, Target, target_of
from botsession_operator.effects import api

SOURCES = Path(__file__).parents[3] / "operator" / "src" / "botsession_operator"
#: Texts of all kinds, and often those that mean something in a URL.
TEXTS = st.one_of(st.text(), st.text("./%?#&=;:@+ \\\n\x00a1é\u2028"))


def taken_apart(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Take a path apart as the API server does: it is decoded first, and the segments are found then."""
    path, _, query = text.partition("?")
    return unquote(path, errors="strict").split("/")[1:], parse_qsl(query, keep_blank_values=True)


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_is_put_into_a_path_comes_out_as_it_was(namespace: str, name: str, value: str) -> None:
    try:
        path = ApiPath("api", "v1", "namespaces", namespace, "pods", name, query={"labelSelector": value, "x": "y"})
    except InvalidPathError:
        return

    segments, query = taken_apart(path.text)
    assert segments == ["api", "v1", "namespaces", namespace, "pods", name]
    assert query == [("labelSelector", value), ("x", "y")]
    assert re.fullmatch(r"[!-~]+", path.text)
    assert urlsplit(path.text).fragment == ""


@pytest.mark.parametrize(
    "segment", ["", ".", "..", "a/b", "/", "../pods", "%2e%2e", "a%2Fb", "\ud800"], ids=lambda text: ascii(text)
)
def test_what_kubernetes_allows_in_no_name_makes_no_path(segment: str) -> None:
    with pytest.raises(InvalidPathError, match="cannot be part of an API path"):
        Target(PODS, segment, "p").path()
    with pytest.raises(InvalidPathError):
        Target(PODS, "bots", segment).path("status")


def test_what_ends_a_path_elsewhere_is_quoted() -> None:
    assert Target(PODS, "bots", "call-1?x#y").path().text == "/api/v1/namespaces/bots/pods/call-1%3Fx%23y"


def test_a_selector_that_is_none_is_left_out() -> None:
    selected = BUDGETS.collection("bots", {"labelSelector": None, "limit": "5"})

    assert selected.text == "/apis/policy/v1/namespaces/bots/poddisruptionbudgets?limit=5"


@pytest.mark.parametrize(
    ("api_version", "kind", "path"),
    [
        ("v1", "Service", "/api/v1/namespaces/bots/services/x"),
        ("networking.k8s.io/v1", "Ingress", "/apis/networking.k8s.io/v1/namespaces/bots/ingresses/x"),
        ("routes.example/v1", "HTTPRoute", "/apis/routes.example/v1/namespaces/bots/httproutes/x"),
    ],
)
def test_a_manifest_says_where_its_object_is(api_version: str, kind: str, path: str) -> None:
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": "bots", "name": "x"}}

    assert target_of(manifest).path().text == path


class Listener:
    """Keeps what a request line said."""

    def __init__(self) -> None:
        self.raw = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.raw = request.raw_path
        return web.json_response({})


@pytest.fixture
async def listening() -> AsyncIterator[tuple[Listener, client.ApiClient]]:
    listener = Listener()
    async with RawTestServer(listener.handle) as server:
        configuration = client.Configuration(host=str(server.make_url("")).rstrip("/"))
        async with client.ApiClient(configuration) as connected:
            yield listener, connected


async def test_the_client_sends_a_path_as_it_was_built(listening: tuple[Listener, client.ApiClient]) -> None:
    listener, connected = listening
    tried = 0
    for name, value in _texts():
        path = ApiPath("api", "v1", "namespaces", "bots", "pods", name, query={"labelSelector": value})
        await api.request(connected, "GET", path)
        tried += 1
        assert taken_apart(listener.raw) == taken_apart(path.text)
    assert tried > 50


def _texts() -> list[tuple[str, str]]:
    """Return names and values, with each character that means something in a URL, alone and beside others."""
    special = "?#&=;:@+ !$'()*,~\\\"<>[]^`{|}\n\t\x00\x7fé\u2028\U0001f600"
    names = [f"a{each}b" for each in special] + [*special, "a.b", "...", ".a", "a..", "~", "a b c"]
    return [(name, f"{name}/%2F%00..") for name in names]


_BUILT_BY_HAND = re.compile(
    r"""["']/(?:apis?|namespaces|version)\b|namespaces/\{|\burllib\.parse\b|["'?&]labelSelector="""
)


def test_no_other_place_builds_a_path() -> None:
    found = {
        f"{source.relative_to(SOURCES)}:{number}"
        for source in SOURCES.rglob("*.py")
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1)
        if source.name != "api_paths.py" and _BUILT_BY_HAND.search(line)
    }

    assert found == set()
