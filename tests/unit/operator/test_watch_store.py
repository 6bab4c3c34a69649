"""What passes read in place of the API server: the newest that was seen, and nothing that is not so any more."""

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botsession_contract.names import SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.session_key import Key
from botsession_operator.handlers import MAX_RETRY_SECONDS, make_settings
from botsession_operator.watch_store import MAX_WATCH_LAG_SECONDS, TRUST_SECONDS, TRUST_SPREAD_SECONDS, WatchStore
from tests.builders import raw_spec

KEY = Key("bots", "call-1")


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def session(version: int, uid: str = "u1", **spec: Any) -> Json:
    metadata = {
        "namespace": "bots",
        "name": "call-1",
        "uid": uid,
        "resourceVersion": str(version),
        "generation": 1,
        "creationTimestamp": "2026-01-31T12:00:00Z",
    }
    return {"kind": "BotSession", "metadata": metadata, "spec": raw_spec(**spec)}


def pod(version: int, uid: str = "p1", owner: str = "u1", phase: str = "Pending") -> Json:
    controller = {"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSession", "name": "call-1", "uid": owner}
    metadata = {
        "namespace": "bots",
        "name": "call-1-pod",
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {SESSION_LABEL: "call-1", SESSION_UID_LABEL: owner},
        "ownerReferences": [{**controller, "controller": True}],
    }
    return {"kind": "Pod", "metadata": metadata, "spec": {}, "status": {"phase": phase}}


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def store(seconds: Seconds) -> WatchStore:
    return WatchStore(seconds)


def version_of(store: WatchStore) -> str | None:
    known = store.session(KEY)
    return known.resource_version if known else None


def test_what_a_watch_brings_can_be_read(store: WatchStore) -> None:
    assert store.session_event(None, session(5))
    assert store.pod_event(None, pod(6))

    known, its_pod = store.session(KEY), store.pod("bots", "call-1-pod")
    assert known
    assert its_pod
    assert its_pod.owner == known.identity
    assert store.pods_of(KEY) == [its_pod]
    assert KEY in store


def test_an_older_version_changes_nothing(store: WatchStore) -> None:
    store.session_event("MODIFIED", session(10, maxSessionDuration="5m"))

    assert not store.session_event("MODIFIED", session(9))
    assert version_of(store) == "10"


def test_versions_are_compared_as_numbers(store: WatchStore) -> None:
    store.session_event("MODIFIED", session(99))

    assert store.session_event("MODIFIED", session(100, maxSessionDuration="5m"))
    assert version_of(store) == "100"


def test_the_answer_to_a_write_is_not_news_when_the_watch_brings_it(store: WatchStore) -> None:
    store.session_event("ADDED", session(1))
    store.show(session(2, maxSessionDuration="5m"))

    assert not store.session_event("MODIFIED", session(2, maxSessionDuration="5m"))
    assert version_of(store) == "2"


def test_a_change_of_what_no_pass_reads_is_no_news(store: WatchStore) -> None:
    store.pod_event("ADDED", pod(1))
    heartbeat = pod(2)
    heartbeat["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastProbeTime": None}]

    assert not store.pod_event("MODIFIED", heartbeat)
    assert store.pod_event("MODIFIED", pod(3, phase="Failed"))
    its_pod = store.pod("bots", "call-1-pod")
    assert its_pod
    assert its_pod.resource_version == "3"


def test_the_version_of_what_is_no_news_is_kept(store: WatchStore) -> None:
    """A write names the version: one that is too old is refused."""
    store.session_event("ADDED", session(1))
    store.session_event("MODIFIED", session(7))

    assert version_of(store) == "7"


def test_what_is_gone_does_not_come_back_with_a_late_event(store: WatchStore) -> None:
    store.session_event("ADDED", session(1))
    store.pod_event("ADDED", pod(2))
    store.session_event("DELETED", session(4))
    store.pod_event("DELETED", pod(5))

    assert not store.session_event("MODIFIED", session(3))
    assert not store.pod_event(None, pod(4))
    assert KEY not in store
    assert store.pods_of(KEY) == []


def test_a_pod_that_gets_its_label_back_is_there_again(store: WatchStore) -> None:
    """For a watch of labelled pods, a pod that loses the label is deleted."""
    store.pod_event("ADDED", pod(1))
    store.pod_event("DELETED", pod(2))

    assert store.pod_event("ADDED", pod(3))

    assert len(store.pods_of(KEY)) == 1


@pytest.mark.parametrize("namespace", [None, "bots"])
def test_what_a_later_list_has_not_is_removed(store: WatchStore, namespace: str | None) -> None:
    store.session_event("ADDED", session(1))
    store.pod_event("ADDED", pod(2))

    assert store.sessions_listed(namespace, set(), "9") == [KEY]
    assert store.pods_listed(namespace, set(), "9") == [KEY]

    assert KEY not in store
    assert store.pods_of(KEY) == []


@pytest.mark.parametrize(
    ("namespace", "uids", "version"),
    [
        pytest.param(None, {"u1", "p1"}, "9", id="the list has it"),
        pytest.param("others", set(), "9", id="the list is of another namespace"),
        pytest.param(None, set(), "4", id="it is newer than the list"),
        pytest.param(None, set(), "", id="the list has no version"),
    ],
)
def test_what_a_later_list_may_not_have_stays(
    store: WatchStore, namespace: str | None, uids: set[str], version: str
) -> None:
    store.session_event("ADDED", session(5))
    store.pod_event("ADDED", pod(5))

    assert store.sessions_listed(namespace, uids, version) == []
    assert store.pods_listed(namespace, uids, version) == []

    assert KEY in store
    assert len(store.pods_of(KEY)) == 1


def test_a_session_that_a_list_has_missed_can_come_back(store: WatchStore) -> None:
    """No deletion was seen, so nothing says that it is gone for good."""
    store.session_event("ADDED", session(1))
    store.sessions_listed(None, set(), "9")

    assert store.session_event("MODIFIED", session(1))


def test_a_pod_whose_session_is_not_there_is_an_orphan(store: WatchStore) -> None:
    store.pod_event("ADDED", pod(1))
    assert store.orphans() == [KEY]

    store.session_event("ADDED", session(1))
    assert (store.orphans(), list(store.keys())) == ([], [KEY])


def test_a_deletion_of_an_earlier_session_leaves_the_new_one_of_its_name(store: WatchStore) -> None:
    store.session_event("ADDED", session(8, uid="u2"))

    store.session_event("DELETED", session(9, uid="u1"))

    assert version_of(store) == "8"


def test_what_a_live_read_has_not_found_is_forgotten(store: WatchStore) -> None:
    store.session_event("ADDED", session(1))
    store.pod_event("ADDED", pod(2))

    store.session_is_missing(KEY, "u1")
    store.pod_is_missing("bots", "call-1-pod")

    assert (store.session(KEY), store.pod("bots", "call-1-pod")) == (None, None)
    assert not store.session_event("MODIFIED", session(1)), "a late event brings it back"


def test_a_session_created_while_a_read_found_none_stays(store: WatchStore) -> None:
    store.session_event("ADDED", session(1))
    known = store.session_uid(KEY)  # a read begins, and finds nothing
    store.session_event("ADDED", session(8, uid="u2"))  # a new session of the name comes before the answer

    store.session_is_missing(KEY, known)

    assert version_of(store) == "8"
    assert store.session_event("MODIFIED", session(9, uid="u2", maxSessionDuration="5m"))


def test_what_was_not_seen_for_long_is_not_trusted(store: WatchStore, seconds: Seconds) -> None:
    store.session_event("ADDED", session(1))
    store.pod_event("ADDED", pod(1))
    seconds.now += TRUST_SECONDS - 1
    assert store.is_trusted(KEY)
    assert store.pod("bots", "call-1-pod")

    seconds.now += TRUST_SPREAD_SECONDS + 1

    assert not store.is_trusted(KEY)
    assert store.pod("bots", "call-1-pod") is None
    store.show(session(1))
    assert store.is_trusted(KEY), "a live read has shown it"


def test_a_session_that_cannot_be_read_is_not_trusted(store: WatchStore) -> None:
    unreadable = session(1)
    unreadable["spec"]["bot"] = {"image": 7}

    assert store.session_event("ADDED", unreadable)

    assert KEY in store
    assert not store.is_trusted(KEY)


def test_a_session_is_new_only_for_the_operator_that_saw_it_being_created(store: WatchStore) -> None:
    store.session_event("ADDED", session(1))
    assert store.is_new(KEY)
    store.session_event("MODIFIED", session(2, maxSessionDuration="5m"))
    assert store.is_new(KEY)

    store.begin_to_lead()

    assert not store.is_new(KEY)


@pytest.mark.parametrize(
    ("led_for", "is_new"), [(0, False), (MAX_WATCH_LAG_SECONDS - 1, False), (MAX_WATCH_LAG_SECONDS, True)]
)
def test_no_session_is_new_until_a_lagging_watch_has_caught_up_with_the_election(
    store: WatchStore, seconds: Seconds, led_for: float, is_new: bool
) -> None:
    """The last leader may have started and ended a session whose creation comes late."""
    store.begin_to_lead()
    seconds.now += led_for

    store.session_event("ADDED", session(1))
    assert store.is_new(KEY) is is_new

    seconds.now += MAX_WATCH_LAG_SECONDS
    assert store.is_new(KEY) is is_new


def test_a_watch_that_hangs_is_followed_by_another_before_sessions_are_new() -> None:
    watching = make_settings().watching
    assert watching.client_timeout
    assert watching.connect_timeout

    assert watching.client_timeout + watching.connect_timeout + MAX_RETRY_SECONDS <= MAX_WATCH_LAG_SECONDS


@pytest.mark.parametrize("event_type", [None, "MODIFIED"])
def test_a_session_that_was_there_before_is_not_new(store: WatchStore, event_type: str | None) -> None:
    store.session_event(event_type, session(1))
    store.session_event("ADDED", session(1))

    assert not store.is_new(KEY)


def test_a_pod_that_no_session_owns_any_more_is_not_among_the_sessions_pods(store: WatchStore) -> None:
    store.pod_event("ADDED", pod(1))
    orphaned = pod(2)
    del orphaned["metadata"]["labels"]

    store.pod_event("MODIFIED", orphaned)

    assert store.pods_of(KEY) == []
    store.pod_event("DELETED", orphaned)


def test_other_kinds_are_ignored(store: WatchStore) -> None:
    store.show({"kind": "Status", "metadata": {"name": "call-1"}})
    store.show({})

    assert len(store) == 0


@given(
    history=st.lists(st.integers(1, 3), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
    repeats=st.integers(0, 3),
)
@settings(max_examples=200)
def test_however_it_is_told_the_newest_is_known(history: list[int], order: Any, repeats: int) -> None:
    """Events come late, twice and out of their order, as from two watches; what is known in the end is the end."""
    store, versions = WatchStore(), itertools.count(1)
    told = [("MODIFIED", session(next(versions), maxSessionDuration=f"{minutes}m")) for minutes in history]
    last = copy.deepcopy(told[-1][1])
    told += order.choices(told, k=repeats)
    order.shuffle(told)

    for event_type, raw in told:
        store.session_event(event_type, raw)

    known = store.session(KEY)
    assert known
    assert known.resource_version == last["metadata"]["resourceVersion"]
    assert f"{round(known.spec.max_session_duration.total_seconds() / 60)}m" == last["spec"]["maxSessionDuration"]


@given(order=st.permutations(["ADDED", "MODIFIED", "DELETED"]))
def test_however_it_is_told_a_deletion_is_final(order: list[str]) -> None:
    store = WatchStore()
    versions = {"ADDED": 1, "MODIFIED": 2, "DELETED": 3}

    for event_type in order:
        store.session_event(event_type, session(versions[event_type]))

    assert KEY not in store
