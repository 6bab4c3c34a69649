"""What watch events do: they fill the store, mark the keys of changed objects dirty, and decide nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import kopf

from botsession_contract.names import GROUP, KIND, PLURAL, SESSION_LABEL, VERSION
from botsession_operator.api.spec import Json
from botsession_operator.core.observe.untyped import mapping
from botsession_operator.core.session_key import Key, parse_key
from botsession_operator.effects.watching import HandleEvent, tolerant_session
from botsession_operator.fair_queue import Priority
from botsession_operator.watch_store import WatchStore


@dataclass(frozen=True, slots=True)
class EventHandler:
    """Handles the events of sessions and pods."""

    changed: Callable[[Key, Priority], None]
    #: The same for a session whose pod has changed.
    pod_changed: Callable[[Key], None]
    #: What passes read.
    store: WatchStore
    #: Called when a session's pod is gone, after `pod_changed`.
    pod_gone: Callable[[Key], None] = lambda _: None
    #: Called with the namespace of a pod that has ended, since its quota may have room now.
    pod_ended: Callable[[str], None] = lambda _: None
    #: Called with each event, also with one that changes nothing.
    watched: Callable[[], None] = lambda: None

    def handle(self, event_type: str | None, raw: Json) -> None:
        """Handle an event. Listed objects have no type."""
        self.watched()
        if raw.get("kind") == KIND:
            self._handle_session(event_type, raw)
        else:
            self._handle_pod(event_type, raw)

    def _handle_session(self, event_type: str | None, raw: Json) -> None:
        metadata = mapping(raw.get("metadata"))
        key = parse_key(metadata.get("namespace"), metadata.get("name"))
        if key and self.store.session_event(event_type, raw):
            self.changed(key, session_priority(raw))

    def _handle_pod(self, event_type: str | None, raw: Json) -> None:
        is_change, metadata = self.store.pod_event(event_type, raw), mapping(raw.get("metadata"))
        namespace = metadata.get("namespace")
        # Anyone may set this label on a pod, so its value may be no name of a session.
        key = parse_key(namespace, mapping(metadata.get("labels")).get(SESSION_LABEL))
        if key and is_change:
            self.pod_changed(key)
            if event_type == "DELETED":
                self.pod_gone(key)
        if namespace and has_ended(event_type, raw):
            self.pod_ended(namespace)


def make_registry(server: str, handle_event: HandleEvent) -> kopf.OperatorRegistry:
    """Return a registry that has kopf watch sessions and pods. Its own registry keeps kopf's global one unchanged.

    `server` is the API server that passes use. By default kopf uses kubernetes.default.svc, which fails with the
    cluster's DNS, and may be another server than the one that passes write to.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**kwargs: Any) -> kopf.AiohttpSession | None:
        found = await asyncio.to_thread(_connection, **kwargs)
        return tolerant_session(replace(found, server=server), handle_event) if found else None

    @kopf.on.event("", "v1", "pods", labels={SESSION_LABEL: kopf.PRESENT}, registry=registry)
    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def watched(**_: Any) -> None:
        """Do nothing: kopf watches only what has a handler, and `effects/watching.py` takes the objects before it."""

    return registry


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


def session_priority(body: Json) -> Priority:
    """Return how urgent an event of a session is: a user waits for the first pass after a change of the spec.

    Creation, edits and deletion change the generation, which the status then does not have yet. The operator's own
    writes come back as events too, and do not change the generation.
    """
    metadata, status = mapping(body.get("metadata")), mapping(body.get("status"))
    is_answered = status.get("observedGeneration") == metadata.get("generation") or "finish" in status
    return Priority.NORMAL if is_answered else Priority.HIGH


def has_ended(event_type: str | None, raw: Json) -> bool:
    """Return whether a pod no longer counts for a quota: it is gone, or all its containers have ended."""
    return event_type == "DELETED" or mapping(raw.get("status")).get("phase") in ("Succeeded", "Failed")


def make_settings() -> kopf.OperatorSettings:
    """Return kopf's settings for an operator that only watches."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # the operator records Events about sessions, not about handlers
    settings.peering.standalone = True
    settings.scanning.disabled = True  # the resources are known, so kopf needs no right to list CRDs and namespaces
    # kopf applies the selector above after the API server has sent all pods; this one is sent to the API server.
    settings.watching.label_selectors["", "v1", "pods"] = SESSION_LABEL
    # Passes read what the watches bring, and a watch that brings nothing does not fail. So the server ends each watch
    # after a minute, and kopf continues from the last event. A dead connection shows sooner (effects/watching.py).
    settings.watching.server_timeout = 60
    settings.watching.client_timeout = 75
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    # The API server takes objects of up to 3 MiB, so an answer has at most some 75 MB.
    settings.watching.chunk_size = 25
    return settings
