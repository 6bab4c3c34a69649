"""A world whose operator reads what a watch has brought, as it does on a cluster. The watch may lag."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from botsession_operator.api.spec import Json
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.observe.observed import Key, Pod, SessionMetadata
from botsession_operator.errors import Conflict
from botsession_operator.local.object_store import InMemoryObjectStore
from botsession_operator.metrics import Metrics
from botsession_operator.reconcile.deps import Deps
from botsession_operator.watch_store import WatchStore
from tests.fake_cluster import FakeCluster
from tests.fakes import World

#: Kind, type and object; what a watch lists has no type.
Event = tuple[str, str | None, Json]
SESSION = "BotSession"
POD = "Pod"


class WatchedCluster(FakeCluster):
    """The fake API server, which shows an observer what it answers, and tells a watch of each change."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        #: The stores of all operators that there have been; the last one's is shown what the API server answers.
        self.stores = [WatchStore()]
        #: What the watch has still to bring, and what it has brought: kind, type and object.
        self.events: list[Event] = []
        self.delivered: list[Event] = []
        #: A test has the watch bring what has happened; else each pass does.
        self.is_faulty = False
        #: Reads of sessions and pods, and of the list of pods.
        self.reads: list[str] = []
        #: Writes of sessions and pods.
        self.writes: list[str] = []
        self._told: set[str] = set()
        self.sessions = InMemoryObjectStore(lambda raw: self._tell(SESSION, self.sessions, raw), now)
        self.pods = InMemoryObjectStore(lambda raw: self._tell(POD, self.pods, raw), now)

    @property
    def store(self) -> WatchStore:
        return self.stores[-1]

    async def session(self, key: Key) -> Json | None:
        self.reads.append("session")
        known = self.store.session_uid(key)
        found = await super().session(key)
        self.store.show({**found, "kind": SESSION}) if found else self.store.session_is_missing(key, known)
        return found

    async def pod(self, namespace: str, name: str) -> Json | None:
        self.reads.append("pod")
        found = await super().pod(namespace, name)
        self.store.show({**found, "kind": POD}) if found else self.store.pod_is_missing(namespace, name)
        return found

    async def pods_labelled(self, key: Key) -> list[Json]:
        self.reads.append("pods")
        return await super().pods_labelled(key)

    async def set_session_finalizers(self, session: SessionMetadata, finalizers: tuple[str, ...]) -> str | None:
        self.writes.append("set_session_finalizers")
        version = await super().set_session_finalizers(session, finalizers)
        self._answer_for_session(session.key, session.uid)
        return version

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        self.writes.append("write_status")
        known = self.store.session_uid(key)
        is_written = await super().write_status(key, resource_version, status)
        self._answer_for_session(key, known)
        return is_written

    async def create_pod(self, manifest: Json) -> None:
        self.writes.append("create_pod")
        before = self.pods.names()
        await super().create_pod(manifest)
        metadata = manifest["metadata"]
        if (metadata["namespace"], metadata["name"]) not in before:
            self._answer(POD, self.pods.get(metadata["namespace"], metadata["name"]))

    async def set_pod_finalizers(self, pod: Pod, finalizers: tuple[str, ...]) -> None:
        self.writes.append("set_pod_finalizers")
        await super().set_pod_finalizers(pod, finalizers)
        self._answer(POD, self.pods.get(pod.namespace, pod.name))

    async def delete_pod(self, pod: Pod, how: PodDeletion) -> Json | None:
        self.writes.append("delete_pod")
        deleted = await super().delete_pod(pod, how)
        self._answer(POD, deleted)
        return deleted

    def deliver(self) -> None:
        """Let the watch bring what has happened."""
        events, self.events = self.events, []
        self.delivered += events
        for store in self.stores:
            is_news = show_events(store, events)
            self.is_dirty |= is_news and store is self.store  # the others are those of operators that are gone

    def _answer_for_session(self, key: Key, known: str | None) -> None:
        found = self.sessions.get(key.namespace, key.name)
        self._answer(SESSION, found) if found else self.store.session_is_missing(key, known)

    def _answer(self, kind: str, raw: Json | None) -> None:
        if raw:
            self.store.show({**raw, "kind": kind})

    def _tell(self, kind: str, objects: InMemoryObjectStore, raw: Json) -> None:
        metadata = raw["metadata"]
        is_there = objects.get(metadata["namespace"], metadata["name"]) is not None
        event_type = "DELETED" if not is_there else "MODIFIED" if metadata["uid"] in self._told else "ADDED"
        self._told.add(metadata["uid"])
        self.events.append((kind, event_type, copy.deepcopy(raw)))


def show_events(store: WatchStore, events: list[Event]) -> bool:
    """Have a watch bring events; return whether any of them is news."""
    is_news = False
    for kind, event_type, raw in events:
        event = store.session_event if kind == SESSION else store.pod_event
        is_news |= event(event_type, raw)
    return is_news


class WatchedWorld(World):
    """One session, whose operator reads from a store. `is_slow`: each pass comes before the events of the last one."""

    def __init__(self, *, is_slow: bool = False) -> None:
        super().__init__()
        self._is_slow = is_slow
        self.cluster = self.watched = WatchedCluster(self.clock.now)

    @property
    def watch_store(self) -> WatchStore:
        return self.watched.store

    def deps(self, metrics: Metrics | None = None, *, behind: int = 0) -> Deps:
        """Return what an operator has that takes over: its watch has brought what the last one's has.

        `behind` is how many of these events its watch has still to bring.
        """
        store = WatchStore(lambda: self.clock.now().timestamp())
        seen = max(0, len(self.watched.delivered) - behind)
        self.watched.events = self.watched.delivered[seen:] + self.watched.events
        del self.watched.delivered[seen:]
        show_events(store, self.watched.delivered)
        store.begin_to_lead()
        self.watched.stores.append(store)
        return replace(super().deps(metrics), store=store)

    async def run_passes(self, deps: Deps | None = None) -> datetime | None:
        if not (self._is_slow or self.watched.is_faulty):
            self.watched.deliver()
        try:
            requeue_at = await super().run_passes(deps)
        except Conflict:  # what was read was out of date: the work queue tries again
            requeue_at = self.clock.now()
        if not self.watched.is_faulty:
            self.watched.deliver()
        return requeue_at
