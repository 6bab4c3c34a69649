"""kopf's part: it watches, and marks keys dirty. Nothing is decided here."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import kopf

from botsession_contract.names import GROUP, PLURAL, SESSION_LABEL, VERSION
from botsession_operator.core.session_key import Key, parse_key
from botsession_operator.effects.watching import tolerant_session
from botsession_operator.fair_queue import Priority
from botsession_operator.poke_gate import KnownSessions


@dataclass(frozen=True, slots=True)
class Memo:
    """What handlers get from kopf besides the event."""

    changed: Callable[[Key, Priority], None]
    #: The same for a session to whose pod something has happened.
    pod_changed: Callable[[Key], None]
    #: What pokes may name.
    known: KnownSessions
    #: A pod of this namespace has ended, so that its quota may have room.
    pod_ended: Callable[[str], None] = lambda _: None


def make_registry(server: str) -> kopf.OperatorRegistry:
    """Register the handlers, on a registry of their own, so that importing this module changes nothing global.

    `server` is the API server that passes talk to. kopf would ask for kubernetes.default.svc, and so be blind where
    the cluster's DNS fails, or see another server than the one that is written to.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**kwargs: Any) -> kopf.AiohttpSession | None:
        found = await asyncio.to_thread(_connection, **kwargs)
        return tolerant_session(replace(found, server=server)) if found else None

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def session_changed(
        *, event: kopf.RawEvent, namespace: str | None, name: str, body: kopf.Body, memo: Memo, **_: Any
    ) -> None:
        _update_known(memo.known, namespace, name, is_gone=event["type"] == "DELETED")
        if key := parse_key(namespace, name):
            memo.changed(key, session_priority(body))

    @kopf.on.event("", "v1", "pods", labels={SESSION_LABEL: kopf.PRESENT}, registry=registry)
    async def pod_changed(
        *, event: kopf.RawEvent, namespace: str | None, labels: kopf.Labels, memo: Memo, **_: Any
    ) -> None:
        # A pod's label is its author's, and may name what cannot be a session.
        if key := parse_key(namespace, labels.get(SESSION_LABEL)):
            memo.pod_changed(key)
        if namespace and has_ended(event):
            memo.pod_ended(namespace)

    return registry


def _connection(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Read it from files: inside a cluster the service account's. kopf asks again when its token has been rotated."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


def session_priority(body: Mapping[str, Any]) -> Priority:
    """Return how urgent an event of a session is. A user waits for what no status has answered yet.

    A session that was created, edited or deleted has a generation that its status does not know. The operator's own
    writes come back as events too, and none of them is urgent.
    """
    metadata, status = body.get("metadata") or {}, body.get("status") or {}
    is_answered = status.get("observedGeneration") == metadata.get("generation") or "finish" in status
    return Priority.NORMAL if is_answered else Priority.HIGH


def _update_known(known: KnownSessions, namespace: str | None, name: str, *, is_gone: bool) -> None:
    """Remember which sessions exist: for others the operator takes no pokes."""
    if key := parse_key(namespace, name):
        (known.forget if is_gone else known.add)(key)


def has_ended(event: Mapping[str, Any]) -> bool:
    """Return whether a pod counts for no quota any more: it is gone, or all its containers are over."""
    status = event["object"].get("status") or {}
    return event["type"] == "DELETED" or status.get("phase") in ("Succeeded", "Failed")


def make_settings() -> kopf.OperatorSettings:
    """Return kopf's settings for an operator that only watches."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # our Events tell of sessions, not of handlers
    settings.peering.standalone = True
    settings.scanning.disabled = True  # the resources are known; no right to list CRDs and namespaces is needed
    # The selector above is kopf's own: the API server would send all pods of the cluster, and kopf drop them.
    settings.watching.label_selectors["", "v1", "pods"] = SESSION_LABEL
    # A watch through a dead connection brings nothing and fails never: let the server end it, and kopf start anew.
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    # Of the largest objects that the API server takes, so many in one answer are some 75 MB.
    settings.watching.chunk_size = 25
    return settings
