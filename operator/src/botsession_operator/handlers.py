"""What kopf watches, and what becomes of it: objects go into the store, their sessions' keys are marked dirty.

Nothing is decided here.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import kopf

from botsession_contract.names import GROUP, PLURAL, SESSION_LABEL, VERSION
from botsession_operator.api.spec import Json
from botsession_operator.core.api_resources import PODS
from botsession_operator.core.observe.observed import PodState
from botsession_operator.core.observe.untyped import mapping, text
from botsession_operator.core.session_key import Key, parse_key
from botsession_operator.effects.watching import Collection, Listed, Watches, watching_session
from botsession_operator.fair_queue import Priority
from botsession_operator.watch_store import DELETED, WatchStore

#: How long kopf waits before it repeats a request that failed, and how often: ten minutes in all.
MAX_RETRY_SECONDS: Final = 5
MAX_RETRIES: Final = 120
#: What is watched.
PLURALS: Final = frozenset({PLURAL, PODS.plural})


@dataclass(slots=True)
class EventHandler:
    """Fills the watch store with what the watches bring, and marks the sessions that it is about."""

    #: What passes read.
    store: WatchStore
    changed: Callable[[Key, Priority], None]
    #: The same for a session whose pod has changed.
    pod_changed: Callable[[Key], None]
    #: The same for a session whose bot has ended, with the UID of its pod.
    bot_ended: Callable[[Key, str], None] = lambda *_: None
    #: Called with the namespace of a pod that has ended, since its quota may have room now.
    pod_ended: Callable[[str], None] = lambda _: None
    #: Called with each event, also with one that changes nothing.
    watched: Callable[[], None] = lambda: None
    #: Set when the store has all objects: each collection was listed once.
    listed: asyncio.Event = field(default_factory=asyncio.Event)
    #: For each of these, two collections are watched; None stands for all namespaces.
    namespaces: tuple[str | None, ...] = (None,)
    #: Returns whether the sessions of a namespace are this operator's. All others are dropped.
    owns: Callable[[str], bool] = lambda _: True
    _listed: set[Collection] = field(default_factory=set)

    def see(self, plural: str, event_type: str | None, raw: Json) -> None:
        """Handle an event of a watch, or an object of a list, which has no type."""
        self.watched()
        if not self.owns(text(mapping(raw.get("metadata")).get("namespace"))):
            return
        if plural == PLURAL:
            self._see_session(event_type, raw)
        else:
            self._see_pod(event_type, raw)

    def list_ended(self, collection: Collection, listed: Listed) -> None:
        """Remove what a later list does not have, because its deletion was missed with a watch."""
        if collection.plural == PLURAL:
            for key in self.store.sessions_listed(collection.namespace, listed.uids, listed.version):
                self.changed(key, Priority.NORMAL)
        else:
            for key in self.store.pods_listed(collection.namespace, listed.uids, listed.version):
                self.pod_changed(key)
        self._listed.add(collection)
        if len(self._listed) >= len(PLURALS) * len(set(self.namespaces)):
            self.listed.set()

    def _see_session(self, event_type: str | None, raw: Json) -> None:
        metadata = mapping(raw.get("metadata"))
        key = parse_key(metadata.get("namespace"), metadata.get("name"))
        if key and self.store.session_event(event_type, raw):
            self.changed(key, session_priority(raw))

    def _see_pod(self, event_type: str | None, raw: Json) -> None:
        metadata = mapping(raw.get("metadata"))
        namespace = text(metadata.get("namespace"))
        is_change = self.store.pod_event(event_type, raw)
        # Anyone may set this label on a pod, so its value may be no name of a session.
        key = parse_key(namespace, mapping(metadata.get("labels")).get(SESSION_LABEL))
        pod = self.store.pod(namespace, text(metadata.get("name")))
        if key and is_change and pod and pod.state is PodState.TERMINATED:
            self.bot_ended(key, pod.uid)
        elif key and is_change:
            self.pod_changed(key)
        if namespace and has_ended(event_type, raw):
            self.pod_ended(namespace)


def make_registry(server: str, watches: Watches) -> kopf.OperatorRegistry:
    """Return a registry of what kopf watches. A registry of our own keeps kopf's global one unchanged.

    `server` is the API server that passes use. By default kopf uses kubernetes.default.svc, which fails with the
    cluster's DNS, and may be another server than the one that passes write to.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**kwargs: Any) -> kopf.AiohttpSession | None:
        found = await asyncio.to_thread(_connection, **kwargs)
        return watching_session(replace(found, server=server), watches) if found else None

    # kopf watches what has a handler. It calls none, since `effects/watching.py` takes the objects out of the answers.
    kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(_no_handler)
    kopf.on.event("", "v1", PODS.plural, registry=registry)(_no_handler)
    return registry


async def _no_handler(**_: Any) -> None:
    """Do nothing."""


def tell_of_stop(registry: kopf.OperatorRegistry, stop: asyncio.Event) -> None:
    """Register a handler that sets `stop`, kopf's own stop flag, when a signal has stopped kopf.

    kopf replaces other handlers of SIGTERM. It then waits up to 5 s for tasks that have not ended. One of them is its
    own, which waits for the flag.
    """

    @kopf.on.cleanup(registry=registry)
    async def stopped(**_: Any) -> None:
        stop.set()


def _connection(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Return the connection of the service account, or of a kubeconfig. kopf asks again after a token rotation."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


def session_priority(body: Mapping[str, Any]) -> Priority:
    """Return how urgent an event of a session is: a user waits for the first pass after a change of the spec.

    Creation, edits and deletion change the generation, which the status then does not have yet. The operator's own
    writes come back as events too, and do not change the generation.
    """
    metadata, status = mapping(body.get("metadata")), mapping(body.get("status"))
    is_answered = status.get("observedGeneration") == metadata.get("generation") or "finish" in status
    return Priority.NORMAL if is_answered else Priority.HIGH


def has_ended(event_type: str | None, pod: Json) -> bool:
    """Return whether a pod no longer counts for a quota: it is gone, or all its containers have ended."""
    return event_type == DELETED or mapping(pod.get("status")).get("phase") in ("Succeeded", "Failed")


def make_settings() -> kopf.OperatorSettings:
    """Return kopf's settings for an operator that only watches."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # the operator records Events about sessions, not about handlers
    settings.peering.standalone = True
    settings.scanning.disabled = True  # the resources are known, so kopf needs no right to list CRDs and namespaces
    settings.watching.label_selectors["", "v1", "pods"] = SESSION_LABEL
    # Passes read what the watches bring, and a watch that brings nothing does not fail. So the server ends each watch
    # after a minute, and kopf continues from the last event. A dead connection shows sooner (effects/watching.py).
    settings.watching.server_timeout = 60
    settings.watching.client_timeout = 75
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    # kopf ends when its retries are over, and by default waits longer each time, so that it would notice late that the
    # API server is back.
    settings.networking.error_backoffs = (1, 1, 2, 3, *[MAX_RETRY_SECONDS] * MAX_RETRIES)
    # A streamed list comes object by object, from the API server's memory. `effects/watching.py` unsets this where the
    # server cannot stream lists. Then they come in chunks: the server takes objects of up to 3 MiB, so an answer has at
    # most some 75 MB.
    settings.watching.initial_streaming = True
    settings.watching.chunk_size = 25
    return settings
