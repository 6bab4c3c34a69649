"""A session that is too much to be read costs one session: the operator runs on, serves all others, and lets it go."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest
from kubernetes.aio import client

from botsession_contract.names import SESSION_FINALIZER
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.manifests.pod import Injection
from botsession_operator.core.observe.parse import TOO_LARGE_TO_READ
from botsession_operator.operate import operate
from botsession_operator.settings import Settings
from tests.apiserver import kubeconfig
from tests.ports import free_port
from tests.stored import Json, Store, serving, session

#: Bodies that the API server takes, and that no reader here could carry.
BODIES: Final = {
    "3,000 levels": "[" * 3000 + "]" * 3000,
    "9,990 levels": '{"a":' * 9990 + "1" + "}" * 9990,
    "a megabyte": "[" + "{}, " * 260_000 + "1]",
}
DELETED: Final = {"deletionTimestamp": "2026-01-31T12:00:01Z", "finalizers": [SESSION_FINALIZER]}

Begin = Callable[[], None]


class Operator:
    """The operator, the whole of it, in a thread of its own: kopf cancels what else was begun in its loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._settings = Settings(ControlKeys(b"0" * 32), "runtime:1", Injection.IMAGE_VOLUME, "127.0.0.1", free_port())
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def start(self) -> None:
        self._thread.start()
        self._is_up.wait()

    async def stop(self) -> None:
        assert self._thread.is_alive(), "the operator has ended by itself"
        self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.to_thread(self._thread.join)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._is_up.set()
        async with client.ApiClient(client.Configuration(host=self._url)) as connected:
            await operate(connected, self._settings, self._stop)


@pytest.fixture(params=BODIES.values(), ids=list(BODIES))
def body(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with serving(Store()) as running:
        yield running


@pytest.fixture
async def begin(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Begin]:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, store.url)))
    operator = Operator(store.url)
    yield operator.start
    await operator.stop()


async def test_the_operator_starts_though_a_session_cannot_be_read(store: Store, begin: Begin, body: str) -> None:
    store.sessions = {"a": session("a"), "b": session("b", body), "c": session("c")}
    begin()

    await store.until(lambda: set(store.pods) == {"a", "c"})
    await store.until(lambda: bool(statuses(store, "b")))


async def test_the_operator_watches_on_though_a_session_cannot_be_read(store: Store, begin: Begin, body: str) -> None:
    begin()
    await store.until(lambda: bool(store.pieces))
    await store.happens("ADDED", "b", session("b", body))
    await store.happens("ADDED", "c", session("c"))

    await store.until(lambda: set(store.pods) == {"c"})
    await store.until(lambda: bool(statuses(store, "b")))


async def test_a_session_that_cannot_be_read_says_so(store: Store, begin: Begin, body: str) -> None:
    store.sessions = {"b": session("b", body)}
    begin()
    await store.until(lambda: bool(statuses(store, "b")))

    (condition,) = statuses(store, "b")[0]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodCreated", "False", "SpecRefused")
    assert condition["message"] == TOO_LARGE_TO_READ


async def test_a_session_that_cannot_be_read_can_be_deleted(store: Store, begin: Begin, body: str) -> None:
    begin()
    await store.until(lambda: bool(store.pieces))
    await store.happens("MODIFIED", "b", session("b", body, **DELETED))

    await store.until(lambda: bool(store.patches))

    ((name, patch),) = store.patches
    assert (name, patch["metadata"]["finalizers"]) == ("b", [])


@pytest.mark.parametrize("streams_lists", [True, False])
async def test_all_sessions_of_a_list_are_served(store: Store, begin: Begin, *, streams_lists: bool) -> None:
    store.streams_lists = streams_lists
    store.sessions = {f"s{n}": session(f"s{n}") for n in range(60)}
    begin()

    await store.until(lambda: len(set(store.pods)) == 60)
    assert sum(store.pieces) == 60
    assert streams_lists or max(store.pieces) <= 25


async def test_an_operator_that_starts_before_its_crd_waits_for_it(store: Store, begin: Begin) -> None:
    store.has_crd, store.sessions = False, {"a": session("a")}
    begin()
    await store.until(lambda: store.asked_without_crd > 1)
    store.has_crd = True

    await store.until(lambda: store.pods == ["a"])


def statuses(store: Store, name: str) -> list[Json]:
    """Return each status that was written of a session."""
    return [patch[-1]["value"] for path, patch in store.patches if path == f"{name}/status"]
