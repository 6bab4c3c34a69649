"""The Cluster port on a real API server."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from kubernetes.aio import client

from botsession_contract.jsonform import format_time
from botsession_contract.names import API_VERSION, GROUP, KIND, PLURAL, SESSION_LABEL, VERSION
from botsession_operator.api.spec import Json
from botsession_operator.core.news import News
from botsession_operator.core.observe import Key, Pod, Session, SessionMetadata
from botsession_operator.core.plan import PodDeletion
from botsession_operator.core.pods import ENDED_SECONDS, Injection
from botsession_operator.effects import api
from botsession_operator.errors import (
    BudgetRefused,
    ClusterUnavailable,
    Conflict,
    ExposureRefused,
    PodRefused,
    Refused,
    TransientError,
)

log = structlog.get_logger("botsession")

MERGE_PATCH = "application/merge-patch+json"
#: What a deleted pod is given where that is not its own grace: 30 s is Kubernetes' default, what sidecars are made for.
GRACE_SECONDS = {PodDeletion.OVER: 30, PodDeletion.SHORT: 5, PodDeletion.FORCED: 0}
#: The API server's bound on an Event's note.
LONGEST_NOTE = 1024
#: The API server's word for a namespace that is being deleted: nothing new is taken there; what is there may change.
NAMESPACE_TERMINATING = "NamespaceTerminating"
#: Kubernetes 1.35 is the first that has image volumes on by default.
IMAGE_VOLUMES_SINCE = (1, 35)


class KubernetesCluster:
    """Sessions and pods as the API server keeps them. Reads are live: no cache stands between a pass and the truth."""

    def __init__(self, client: client.ApiClient, identity: str) -> None:
        self._client = client
        #: Who Events say they are from, so that two operators' can be told apart.
        self._identity = identity

    async def session(self, key: Key) -> Json | None:
        """Read a BotSession; None when there is none."""
        return await self._read(_session_path(key.namespace, key.name))

    async def pod(self, namespace: str, name: str) -> Json | None:
        """Read a pod; None when there is none."""
        return await self._read(_pod_path(namespace, name))

    async def pods_labelled(self, key: Key) -> list[Json]:
        """Read all pods that carry the session's label: its own, and those of earlier sessions of its name."""
        path = f"/api/v1/namespaces/{key.namespace}/pods?labelSelector={SESSION_LABEL}%3D{key.name}"
        answer = await api.request(self._client, "GET", path)
        _expect(answer)
        return list(answer.body.get("items", ()))

    async def set_session_finalizers(self, session: SessionMetadata, finalizers: tuple[str, ...]) -> str:
        """Replace the finalizers, give the new resourceVersion; raise Conflict when the session has changed."""
        path = _session_path(session.key.namespace, session.key.name)
        answer = await self._patch(path, _finalizers_patch(session.resource_version, finalizers))
        return str(answer.body["metadata"]["resourceVersion"]) if answer.is_ok else session.resource_version

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        """Replace the status; False when the session is gone. Raise Conflict when it has changed since that version."""
        path = _session_path(key.namespace, key.name) + "/status"
        # A JSON patch, since a merge patch would keep members that are no longer there. The API server refuses a patch
        # of metadata.resourceVersion that is not the present one: this is what makes "finished" be written once.
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "add", "path": "/status", "value": status},
        ]
        answer = await self._patch(path, patch, "application/json-patch+json")
        return answer.is_ok

    async def delete_session(self, session: Session) -> None:
        """Ask for the deletion of the session as it was read; a missing one is success. Raise Conflict on a change."""
        path = _session_path(session.key.namespace, session.key.name)
        as_read = {"uid": session.uid, "resourceVersion": session.resource_version}
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": as_read}
        answer = await api.request(self._client, "DELETE", path, options)
        if answer.status == HTTPStatus.CONFLICT:
            raise Conflict(f"{path}: {answer.message}")
        _expect(answer, HTTPStatus.NOT_FOUND)

    async def create_pod(self, manifest: Json) -> None:
        """Create a pod; a pod of this name is success. Raise PodRefused when it is not taken."""
        path = f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods?fieldValidation=Strict"
        await self._create(path, manifest, PodRefused)

    async def delete_pod(self, pod: Pod, how: PodDeletion) -> None:
        """Ask for the deletion of this very pod (by UID); a missing one is success."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": pod.uid}}
        if how is not PodDeletion.NORMAL:
            options["gracePeriodSeconds"] = GRACE_SECONDS[how]
        answer = await api.request(self._client, "DELETE", _pod_path(pod.namespace, pod.name), options)
        _expect(answer, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)

    async def end_sidecars(self, pod: Pod) -> None:
        """Have everything in a pod ended that still runs, and keep the pod; a missing one is success."""
        # Deleting is the only other way to have the kubelet end a container. A deadline can be lowered on a live pod.
        await self._patch(_pod_path(pod.namespace, pod.name), {"spec": {"activeDeadlineSeconds": ENDED_SECONDS}})

    async def set_pod_finalizers(self, pod: Pod, finalizers: tuple[str, ...]) -> None:
        """Replace the finalizers; a missing pod is success. Raise Conflict when the pod has changed."""
        await self._patch(_pod_path(pod.namespace, pod.name), _finalizers_patch(pod.resource_version, finalizers))

    async def budget(self, namespace: str, name: str) -> Json | None:
        """Read a PodDisruptionBudget; None when there is none."""
        return await self._read(_budget_path(namespace, name))

    async def create_budget(self, manifest: Json) -> None:
        """Create a PodDisruptionBudget; one of this name is success. Raise BudgetRefused when it is not taken."""
        await self._create(_budget_path(manifest["metadata"]["namespace"]), manifest, BudgetRefused)

    async def delete_budget(self, namespace: str, name: str) -> None:
        """Delete a PodDisruptionBudget; a missing one is success."""
        _expect(await api.request(self._client, "DELETE", _budget_path(namespace, name)), HTTPStatus.NOT_FOUND)

    async def has_object(self, manifest: Json) -> bool:
        """Tell whether there is an object of this kind and name: a Service, or a route."""
        return await self._read(_object_path(manifest)) is not None

    async def create_object(self, manifest: Json) -> None:
        """Create a Service or a route; one of this name is success. Raise ExposureRefused when it is not taken."""
        await self._create(_collection_path(manifest) + "?fieldValidation=Strict", manifest, ExposureRefused)

    async def delete_object(self, manifest: Json) -> None:
        """Delete the Service or the route of this name; a missing one is success."""
        _expect(await api.request(self._client, "DELETE", _object_path(manifest)), HTTPStatus.NOT_FOUND)

    async def tell(self, session: Session, news: News) -> None:
        """Record an Event on the session. Best effort: an Event that is lost is not tried again."""
        path = f"/apis/events.k8s.io/v1/namespaces/{session.key.namespace}/events"
        try:
            answer = await api.request(self._client, "POST", path, self._event(session, news))
        except TransientError as exc:
            log.debug("event lost", session=str(session.key), error=str(exc))
        else:
            if _refusal_reason(answer) == NAMESPACE_TERMINATING:
                log.debug("event lost", session=str(session.key), error=answer.message)
            elif not answer.is_ok:
                log.warning("event refused", session=str(session.key), error=answer.message)

    async def injection(self) -> Injection:
        """Choose how the runtime gets into bot images, by the server's version."""
        answer = await api.request(self._client, "GET", "/version")
        version = (int(answer.body["major"]), int(answer.body["minor"].rstrip("+")))
        return Injection.IMAGE_VOLUME if version >= IMAGE_VOLUMES_SINCE else Injection.INIT_CONTAINER

    async def _read(self, path: str) -> Json | None:
        answer = await api.request(self._client, "GET", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        _expect(answer)
        return answer.body

    async def _create(self, path: str, manifest: Json, refused: type[Refused]) -> None:
        answer = await api.request(self._client, "POST", path, manifest)
        if not answer.is_ok and _reason(answer) != "AlreadyExists":
            raise refused(_refusal_reason(answer), answer.message)

    async def _patch(self, path: str, patch: Any, content_type: str = MERGE_PATCH) -> api.Answer:
        answer = await api.request(self._client, "PATCH", path, patch, content_type)
        if answer.status == HTTPStatus.CONFLICT:
            raise Conflict(f"{path}: {answer.message}")
        _expect(answer, HTTPStatus.NOT_FOUND)
        return answer

    def _event(self, session: Session, news: News) -> Json:
        regarding = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": session.key.namespace,
            "name": session.key.name,
            "uid": session.uid,
        }
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{session.key.name}-", "namespace": session.key.namespace},
            "regarding": regarding,
            "type": news.severity,
            "reason": news.reason,
            "note": news.note[:LONGEST_NOTE],
            "action": news.reason,
            "eventTime": format_time(datetime.now(UTC)),
            "reportingController": GROUP,
            "reportingInstance": self._identity,
        }


def _session_path(namespace: str, name: str) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}"


def _pod_path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def _budget_path(namespace: str, name: str = "") -> str:
    return f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/{name}".rstrip("/")


def _collection_path(manifest: Json) -> str:
    """Give where objects of a kind are, by the rule that Kubernetes' own plurals follow."""
    group, plural = manifest["apiVersion"], manifest["kind"].lower() + ("es" if manifest["kind"].endswith("s") else "s")
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    return f"{root}/namespaces/{manifest['metadata']['namespace']}/{plural}"


def _object_path(manifest: Json) -> str:
    return f"{_collection_path(manifest)}/{manifest['metadata']['name']}"


def _finalizers_patch(resource_version: str, finalizers: tuple[str, ...]) -> Json:
    return {"metadata": {"resourceVersion": resource_version, "finalizers": list(finalizers)}}


def _expect(answer: api.Answer, *allowed: HTTPStatus) -> None:
    """Raise for an answer that nothing here foresees, say a missing permission: it is tried again, and logged."""
    if not answer.is_ok and answer.status not in allowed:
        log.warning("API server refused", status=answer.status, message=answer.message)
        raise ClusterUnavailable(f"{answer.status}: {answer.message}")


def _reason(answer: api.Answer) -> str:
    return str(answer.body.get("reason", ""))


def _causes(answer: api.Answer) -> list[Json]:
    return list((answer.body.get("details") or {}).get("causes") or ())


def _refusal_reason(answer: api.Answer) -> str:
    if "exceeded quota" in answer.message:
        return "QuotaExceeded"
    if any(cause.get("reason") == NAMESPACE_TERMINATING for cause in _causes(answer)):
        return NAMESPACE_TERMINATING
    return _reason(answer) or "Refused"
