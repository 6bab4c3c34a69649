"""The Cluster port on a real API server."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from kubernetes.aio import client
from loguru import logger as log

from botsession_contract.json_codec import format_time
from botsession_contract.names import API_VERSION, GROUP, KIND, PLURAL, SESSION_LABEL
from botsession_operator.api.reasons import ConditionReason, ExternalReason, ObjectReason
from botsession_operator.api.spec import Json
from botsession_operator.core.api_paths import ApiPath
from botsession_operator.core.api_resources import (
    API_GROUPS,
    BUDGETS,
    EVENTS,
    KINDS_OF_GROUP,
    PODS,
    SERVER_VERSION,
    Target,
    session_target,
    target_of,
)
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.manifests.pod import Injection
from botsession_operator.core.names import ENDED_SECONDS
from botsession_operator.core.observe import ownership
from botsession_operator.core.observe.observed import Key, Pod, Session, SessionMetadata
from botsession_operator.core.observe.untyped import mappings
from botsession_operator.core.status.k8s_events import KubernetesEvent
from botsession_operator.effects import api, api_responses
from botsession_operator.effects.lease import writable_seconds
from botsession_operator.effects.uncontested_lease import UNCONTESTED
from botsession_operator.errors import (
    BudgetRefused,
    ClusterUnavailable,
    Conflict,
    ExposureRefused,
    PodRefused,
    Refused,
    RequestRefused,
    StatusRefused,
    TransientError,
)
from botsession_operator.ports import Lease, ObjectObserver

#: The grace of a deletion, where it is not the pod's own. 30 s is Kubernetes' default, which sidecars expect.
GRACE_SECONDS = {PodDeletion.OVER: 30, PodDeletion.SHORT: 5, PodDeletion.FORCED: 0}
#: A query of each creation: the API server refuses fields that it does not know.
STRICT = {"fieldValidation": "Strict"}
#: The API server's reason for refusing new objects in a namespace that is being deleted.
NAMESPACE_TERMINATING: Final = ExternalReason("NamespaceTerminating")
#: The first version of Kubernetes with image volumes on by default.
IMAGE_VOLUMES_SINCE = (1, 35)


class KubernetesCluster:
    """Reads and writes sessions and pods. Reads are live; `observer` gets each answer's objects."""

    def __init__(
        self,
        client: client.ApiClient,
        identity: str,
        lease: Lease = UNCONTESTED,
        observer: ObjectObserver | None = None,
    ) -> None:
        self._client = client
        #: Without it, the operator writes nothing.
        self._lease = lease
        #: The `reportingInstance` of Events, which tells two operators apart.
        self._identity = identity
        self._observer = observer

    async def session(self, key: Key) -> Json | None:
        """Return a BotSession; None when there is none."""
        known = self._known_uid(key)
        found = await self._read(session_target(key))
        if found is None:
            self._note_missing(key, known)
        return self._shown(found)

    async def pod(self, namespace: str, name: str) -> Json | None:
        """Return a pod; None when there is none."""
        found = await self._read(Target(PODS, namespace, name))
        if found is None and self._observer:
            self._observer.pod_is_missing(namespace, name)
        return self._shown(found)

    async def pods_labelled(self, key: Key) -> list[Json]:
        """Return all pods with the session's label: its own, and those of earlier sessions of its name."""
        path = PODS.collection(key.namespace, {"labelSelector": f"{SESSION_LABEL}={key.name}"})
        answer = await api.request(self._client, "GET", path)
        return list(api_responses.items_of(answer, PODS, key.namespace, {SESSION_LABEL: key.name}))

    async def set_session_finalizers(self, session: SessionMetadata, finalizers: tuple[str, ...]) -> str | None:
        """Replace the finalizers; return the new resourceVersion, or None when the session is gone.

        Raise Conflict when it has changed.
        """
        patch = _finalizers_patch(session.resource_version, finalizers)
        changed = await self._patch(session_target(session.key), patch)
        if changed is None:
            self._note_missing(session.key, session.uid)
        return str(changed["metadata"]["resourceVersion"]) if changed else None

    async def write_status(self, key: Key, resource_version: str, status: Json) -> bool:
        """Replace the status; return False when the session is gone.

        Raise Conflict when it has changed since that version, StatusRefused when the status is refused.
        """
        # A JSON patch, since a merge patch would keep members that are no longer there. The API server refuses a patch
        # with an outdated metadata.resourceVersion, so the finish is written once.
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "add", "path": "/status", "value": status},
        ]
        known = self._known_uid(key)
        try:
            written = await self._patch(session_target(key), patch, "application/json-patch+json", "status")
        except RequestRefused as exc:
            raise StatusRefused(str(exc)) from exc
        if written is None:
            self._note_missing(key, known)
        return written is not None

    async def delete_session(self, session: Session) -> None:
        """Delete the session as it was read; a missing one is success. Raise Conflict when it has changed."""
        as_read = {"uid": session.uid, "resourceVersion": session.resource_version}
        answer = await self._delete(session_target(session.key), as_read)
        if answer.status == HTTPStatus.CONFLICT:
            raise Conflict(f"{session.key}: {answer.message}")

    async def create_pod(self, manifest: Json) -> None:
        """Create a pod; success if the session has it already. Raise PodRefused when it is refused."""
        await self._create(manifest, PodRefused)

    async def delete_pod(self, pod: Pod, how: PodDeletion) -> Json | None:
        """Delete the pod with this UID; a missing one is success. Return the pod as it is then, if it is answered."""
        target = _pod_target(pod)
        answer = await self._delete(target, {"uid": pod.uid}, GRACE_SECONDS.get(how))
        return self._shown(api_responses.object_of(answer, target)) if answer.body.get("kind") == PODS.kind else None

    async def end_sidecars(self, pod: Pod) -> None:
        """End all containers of a pod that still run, and keep the pod; a missing one is success."""
        # Besides deleting the pod, a lower deadline is the only way to make the kubelet end its containers.
        await self._patch(
            _pod_target(pod), {"metadata": {"uid": pod.uid}, "spec": {"activeDeadlineSeconds": ENDED_SECONDS}}
        )

    async def set_pod_finalizers(self, pod: Pod, finalizers: tuple[str, ...]) -> None:
        """Replace the finalizers; a missing pod is success. Raise Conflict when the pod has changed."""
        await self._patch(_pod_target(pod), _finalizers_patch(pod.resource_version, finalizers))

    async def budget(self, namespace: str, name: str) -> Json | None:
        """Return a PodDisruptionBudget; None when there is none."""
        return await self._read(Target(BUDGETS, namespace, name))

    async def create_budget(self, manifest: Json) -> None:
        """Create a PodDisruptionBudget; success if the session has it. Raise BudgetRefused when it is refused."""
        await self._create(manifest, BudgetRefused)

    async def delete_budget(self, manifest: Json) -> None:
        """Delete the PodDisruptionBudget of a manifest, unless it is missing or has another owner."""
        await self._delete_own(manifest)

    async def has_object(self, manifest: Json) -> bool:
        """Return whether the object of this kind, name and owner exists: a Service, or a route."""
        found = await self._read(target_of(manifest))
        return found is not None and ownership.is_owned_alike(found, manifest)

    async def create_object(self, manifest: Json) -> None:
        """Create a Service or a route; success if the session has it. Raise ExposureRefused when it is refused."""
        await self._create(manifest, ExposureRefused)

    async def delete_object(self, manifest: Json) -> None:
        """Delete the Service or the route of a manifest, unless it is missing or has another owner."""
        await self._delete_own(manifest)

    async def record_event(self, session: SessionMetadata, event: KubernetesEvent) -> None:
        """Record an Event on the session. Best effort: there is no retry."""
        path = EVENTS.collection(session.key.namespace)
        try:
            answer = await self._write("POST", path, self._event(session, event))
        except TransientError as exc:
            log.debug("event lost", error=str(exc))
        else:
            if _refusal_reason(answer) == NAMESPACE_TERMINATING:
                log.debug("event lost", error=answer.message)
            elif not answer.is_ok:
                log.warning("event refused", error=answer.message)

    async def injection(self) -> Injection:
        """Return how the runtime gets into bot images, which depends on the server's version."""
        answer = await api.request(self._client, "GET", SERVER_VERSION)
        version = (int(answer.body["major"]), int(answer.body["minor"].rstrip("+")))
        return Injection.IMAGE_VOLUME if version >= IMAGE_VOLUMES_SINCE else Injection.INIT_CONTAINER

    async def require_kind(self) -> None:
        """Raise ClusterUnavailable unless the API server says that it serves BotSessions. kopf asks only once."""
        groups = await api.request(self._client, "GET", API_GROUPS)
        if not groups.is_ok:  # kopf meets the same refusal, and ends
            return
        names = {each.get("name") for each in mappings(groups.body.get("groups"))}
        served = await api.request(self._client, "GET", KINDS_OF_GROUP) if GROUP in names else None
        if served is None or PLURAL not in {each.get("name") for each in mappings(served.body.get("resources"))}:
            raise ClusterUnavailable(f"the API server does not serve {PLURAL}.{GROUP}: is the CRD installed?")

    def _shown(self, found: Json | None) -> Json | None:
        if found is not None and self._observer:
            self._observer.show(found)
        return found

    def _known_uid(self, key: Key) -> str | None:
        return self._observer.session_uid(key) if self._observer else None

    def _note_missing(self, key: Key, uid: str | None) -> None:
        if self._observer:
            self._observer.session_is_missing(key, uid)

    async def _read(self, target: Target) -> Json | None:
        return api_responses.object_of(await api.request(self._client, "GET", target.path()), target)

    async def _write(self, method: str, path: ApiPath, body: Any, content_type: str = api.JSON) -> api.Answer:
        """Send what changes something. It is answered, or given up, before another operator can lead.

        The time limit holds after a pause of the whole process too: the loop cancels what is late before it goes on.
        """
        timeout = min(api.REQUEST_TIMEOUT_SECONDS, writable_seconds(self._lease))
        return await api.request(self._client, method, path, body, content_type, timeout_seconds=timeout)

    async def _create(self, manifest: Json, refusal_type: type[Refused]) -> None:
        target = target_of(manifest)
        path = target.resource.collection(target.namespace, STRICT)
        answer = await self._write("POST", path, manifest)
        if api_responses.is_status(answer, "AlreadyExists"):
            found = await self._read(target)
            if found is not None and not ownership.is_owned_alike(found, manifest):
                raise refusal_type(ConditionReason.NAME_TAKEN, ownership.name_taken(manifest))
        elif not answer.is_ok:
            raise refusal_type(_refusal_reason(answer), answer.message)
        else:
            self._shown(answer.body)

    async def _patch(
        self, target: Target, patch: Any, content_type: str = api.MERGE_PATCH, *subresource: str
    ) -> Json | None:
        """Patch an object; return the result, or None when it is gone. Raise Conflict when it has changed."""
        answer = await self._write("PATCH", target.path(*subresource), patch, content_type)
        if answer.status == HTTPStatus.CONFLICT:
            raise Conflict(f"{target}: {answer.message}")
        return self._shown(api_responses.object_of(answer, target))

    async def _delete(self, target: Target, preconditions: Json, grace_seconds: int | None = None) -> api.Answer:
        """Delete an object if the preconditions hold; a missing object, or another one of its name, is no error."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        answer = await self._write("DELETE", target.path(), options)
        if not api_responses.is_missing(answer, target):
            api_responses.expect(answer, HTTPStatus.CONFLICT)
        return answer

    async def _delete_own(self, manifest: Json) -> None:
        target = target_of(manifest)
        answer = await api.request(self._client, "GET", target.path())
        if api_responses.is_unserved(answer, target.resource):
            return  # the CRD is gone, for example of a route, and all its objects with it
        found = api_responses.object_of(answer, target)
        if found is None:
            return
        if ownership.is_owned_alike(found, manifest):
            await self._delete(target, {"uid": found["metadata"]["uid"]})
        else:
            log.warning("object of another owner left alone", kind=target.resource.kind, object=str(target))

    def _event(self, session: SessionMetadata, event: KubernetesEvent) -> Json:
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
            "type": event.severity,
            "reason": event.reason,
            "note": event.note,
            "action": event.reason,
            "eventTime": format_time(datetime.now(UTC)),
            "reportingController": GROUP,
            "reportingInstance": self._identity,
        }


def _pod_target(pod: Pod) -> Target:
    return Target(PODS, pod.namespace, pod.name)


def _finalizers_patch(resource_version: str, finalizers: tuple[str, ...]) -> Json:
    return {"metadata": {"resourceVersion": resource_version, "finalizers": list(finalizers)}}


def _reason(answer: api.Answer) -> str:
    return str(answer.body.get("reason", ""))


def _causes(answer: api.Answer) -> list[Json]:
    return list((answer.body.get("details") or {}).get("causes") or ())


def _refusal_reason(answer: api.Answer) -> ObjectReason:
    if "exceeded quota" in answer.message:
        return ConditionReason.QUOTA_EXCEEDED
    if any(cause.get("reason") == NAMESPACE_TERMINATING for cause in _causes(answer)):
        return NAMESPACE_TERMINATING
    return ExternalReason(_reason(answer)) or ConditionReason.REFUSED
