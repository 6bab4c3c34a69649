"""What a standby keeps of what it sees, and what becomes of it when it leads."""

from datetime import datetime, timedelta

import pytest

from botsession_contract.names import API_VERSION, KIND, SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.clock import SystemClock
from botsession_operator.controller import Controller
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.standby import LONG_AGO, LOOKS_PER_SECOND, SPREAD_SECONDS, Backlog
from botsession_operator.watch_store import WatchStore
from tests.fakes import FakeControl
from tests.log_lines import Line

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


def see(store: WatchStore, key: Key) -> None:
    store.session_event(None, raw(key))


def raw(key: Key) -> Json:
    metadata = {"namespace": key.namespace, "name": key.name, "uid": key.name, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {}}


def raw_pod(key: Key) -> Json:
    controller_reference = {"apiVersion": API_VERSION, "kind": KIND, "name": key.name, "uid": key.name}
    labels = {SESSION_LABEL: key.name, SESSION_UID_LABEL: key.name}
    metadata = {"namespace": key.namespace, "name": "a-pod", "uid": "p", "resourceVersion": "1", "labels": labels}
    return {"metadata": {**metadata, "ownerReferences": [{**controller_reference, "controller": True}]}}


async def test_nothing_is_looked_at_before_this_operator_leads(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    see(store, A)
    backlog.changed(A, Priority.HIGH)
    backlog.pod_changed(A)
    backlog.bot_ended(A, "p")
    backlog.poked(A)

    assert waiting(controller) == {}


async def test_a_session_whose_bot_has_ended_is_looked_at(backlog: Backlog, controller: Controller) -> None:
    await backlog.lead()

    backlog.bot_ended(A, "p")

    assert waiting(controller) == {Priority.NORMAL: 1}


async def test_each_session_is_looked_at_once_this_operator_leads(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    see(store, A)
    see(store, B)

    await backlog.lead()

    assert waiting(controller) == {Priority.NORMAL: 2}


async def test_a_session_that_needs_nothing_waits_for_its_first_look(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    see(store, A)
    see(store, B)
    in_an_hour = SystemClock().now() + timedelta(hours=1)
    looks = {A: (LONG_AGO, Priority.HIGH), B: (in_an_hour, Priority.LOW)}
    backlog.first_look = lambda key, _: looks[key]

    await backlog.lead()

    assert waiting(controller) == {Priority.HIGH: 1}


async def test_a_bug_that_one_session_meets_keeps_no_other_waiting(
    backlog: Backlog, controller: Controller, store: WatchStore, logs: list[Line]
) -> None:
    def fail(key: Key, _: timedelta) -> tuple[datetime, Priority]:
        if key == A:
            raise ValueError("a bug")
        return LONG_AGO, Priority.HIGH

    see(store, A)
    see(store, B)
    backlog.first_look = fail

    await backlog.lead()

    assert waiting(controller) == {Priority.HIGH: 1, Priority.NORMAL: 1}
    assert [line["session"] for line in logs if line["event"] == "first look failed"] == [str(A)]


@pytest.mark.parametrize(("sessions", "seconds"), [(1, SPREAD_SECONDS), (10_000, 10_000 / LOOKS_PER_SECOND)])
async def test_many_sessions_get_more_time(
    backlog: Backlog, store: WatchStore, monkeypatch: pytest.MonkeyPatch, sessions: int, seconds: float
) -> None:
    spreads: list[timedelta] = []
    see(store, A)
    monkeypatch.setattr(WatchStore, "__len__", lambda _: sessions)

    def note(_: Key, spread: timedelta) -> tuple[datetime, Priority]:
        spreads.append(spread)
        return LONG_AGO, Priority.NORMAL

    backlog.first_look = note

    await backlog.lead()

    assert spreads == [timedelta(seconds=seconds)]


async def test_events_and_pokes_mark_sessions_of_a_leader(backlog: Backlog, controller: Controller) -> None:
    await backlog.lead()

    backlog.changed(A, Priority.HIGH)
    backlog.poked(B)

    assert waiting(controller) == {Priority.HIGH: 1, Priority.LOW: 1}


async def test_nothing_is_kept_of_a_session_that_is_gone(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    see(store, A)
    store.session_event("DELETED", raw(A))

    await backlog.lead()

    assert waiting(controller) == {}


async def test_a_pod_whose_session_went_without_the_operator_is_looked_at(
    backlog: Backlog, controller: Controller, store: WatchStore
) -> None:
    store.pod_event(None, raw_pod(A))

    await backlog.lead()

    assert waiting(controller) == {Priority.NORMAL: 1}


async def test_no_session_is_new_to_an_operator_that_begins_to_lead(backlog: Backlog, store: WatchStore) -> None:
    """Another operator may have created its pod."""
    store.session_event("ADDED", raw(A))

    await backlog.lead()

    assert not store.is_new(A)
