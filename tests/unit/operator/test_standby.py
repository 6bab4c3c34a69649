"""What a standby keeps of what it sees, and what becomes of it when it leads."""

import pytest

from botsession_contract.names import API_VERSION, KIND, SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.clock import SystemClock
from botsession_operator.controller import Controller
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.standby import Backlog
from botsession_operator.watch_store import WatchStore
from tests.fakes import FakeControl

A, B = Key("bots", "a"), Key("bots", "b")


@pytest.fixture
def controller() -> Controller:
    return Controller(FakeControl(SystemClock().now), SystemClock(), ControllerTimeouts())


@pytest.fixture
def store() -> WatchStore:
    return WatchStore()


@pytest.fixture
def backlog(controller: Controller, store: WatchStore) -> Backlog:
    return Backlog(controller, store)


def waiting(controller: Controller) -> dict[Priority, int]:
    return {priority: count for priority, count in controller.depths().items() if count}


def see(backlog: Backlog, store: WatchStore, key: Key, priority: Priority = Priority.NORMAL) -> None:
    store.session_event(None, raw(key))
    backlog.changed(key, priority)


def raw(key: Key) -> Json:
    metadata = {"namespace": key.namespace, "name": key.name, "uid": key.name, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {}}


async def test_nothing_is_looked_at_before_this_operator_leads(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    see(backlog, store, A)
    backlog.pod_changed(A)
    backlog.pod_changed(B)
    backlog.poked(A)

    assert waiting(controller) == {}


async def test_each_session_is_looked_at_once_this_operator_leads(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    see(backlog, store, A, Priority.HIGH)
    see(backlog, store, B)

    backlog.lead()

    assert waiting(controller) == {Priority.HIGH: 1, Priority.NORMAL: 1}
    assert len(backlog) == 0


async def test_events_and_pokes_mark_sessions_of_a_leader(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    backlog.lead()

    see(backlog, store, A)
    backlog.poked(B)

    assert waiting(controller) == {Priority.NORMAL: 1, Priority.LOW: 1}


async def test_nothing_is_kept_of_a_session_that_is_gone(backlog: Backlog, store: WatchStore) -> None:
    see(backlog, store, A)
    backlog.pod_changed(A)
    store.session_event("DELETED", raw(A))
    backlog.changed(A, Priority.NORMAL)

    assert len(backlog) == 0


async def test_a_pod_whose_session_went_without_the_operator_is_looked_at(
    backlog: Backlog, controller: Controller
) -> None:
    backlog.pod_changed(A)

    backlog.lead()

    assert waiting(controller) == {Priority.NORMAL: 1}


async def test_a_pod_that_comes_before_its_session_is_kept_once(backlog: Backlog, store: WatchStore) -> None:
    backlog.pod_changed(A)
    see(backlog, store, A)

    assert len(backlog) == 1


async def test_no_session_is_new_to_an_operator_that_begins_to_lead(backlog: Backlog, store: WatchStore) -> None:
    """Another operator may have created its pod."""
    store.session_event("ADDED", raw(A))

    backlog.lead()

    assert not store.is_new(A)


async def test_nothing_is_kept_of_a_pod_that_is_gone(backlog: Backlog) -> None:
    backlog.pod_changed(A)
    backlog.pod_gone(A)

    assert len(backlog) == 0


async def test_a_pod_that_stays_when_its_session_goes_is_looked_at(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    see(backlog, store, A)
    controller_reference = {"apiVersion": API_VERSION, "kind": KIND, "name": "a", "uid": "a", "controller": True}
    labels = {SESSION_LABEL: "a", SESSION_UID_LABEL: "a"}
    metadata = {"namespace": A.namespace, "name": "a-pod", "uid": "p", "resourceVersion": "1", "labels": labels}
    store.pod_event("ADDED", {"metadata": {**metadata, "ownerReferences": [controller_reference]}})
    backlog.pod_changed(A)
    store.session_event("DELETED", raw(A))
    backlog.changed(A, Priority.NORMAL)

    backlog.lead()

    assert waiting(controller) == {Priority.NORMAL: 1}
