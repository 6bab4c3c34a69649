"""The UninstallClient port on a real API server."""

from collections.abc import AsyncIterator
from typing import Final

from kubernetes.aio import client
from loguru import logger as log

from botsession_contract.names import SESSION_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.api_resources import DEPLOYMENTS, PODS, POLICY_BINDINGS, SESSIONS, Resource, Target
from botsession_operator.core.session_key import parse_key
from botsession_operator.effects import api, api_responses

#: How many objects one answer has. A session may have hundreds of kilobytes; its metadata alone is small.
SESSIONS_PER_PAGE: Final = 50
METADATA_PER_PAGE: Final = 500
#: A server that does not support metadata only sends whole objects.
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class KubernetesUninstallClient:
    """Reads sessions and pods in the operator's namespaces, and scales the operators' Deployments."""

    def __init__(
        self,
        client: client.ApiClient,
        namespaces: tuple[str, ...] = (),
        deployments: tuple[tuple[str, str], ...] = (),
        policy: str | None = None,
    ) -> None:
        self._client = client
        #: None stands for all namespaces.
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._deployments = deployments
        #: The MutatingAdmissionPolicyBinding that adds our finalizer to new sessions.
        self._policy = policy

    async def sessions(self) -> AsyncIterator[Json]:
        """Yield all BotSessions in the operator's namespaces, page by page."""
        async for each in self._list(SESSIONS, {}, SESSIONS_PER_PAGE, api.JSON):
            if _is_named(each):
                yield each

    async def session_metadata(self) -> AsyncIterator[Json]:
        """Yield the metadata of all BotSessions in the operator's namespaces."""
        async for each in self._list(SESSIONS, {}, METADATA_PER_PAGE, METADATA_ONLY):
            if _is_named(each):
                yield each

    async def pod_metadata(self) -> AsyncIterator[Json]:
        """Yield the metadata of all pods of sessions."""
        async for each in self._list(PODS, {SESSION_LABEL: None}, METADATA_PER_PAGE, METADATA_ONLY):
            yield each

    async def stop_operator(self) -> None:
        """Scale the operators to zero, and delete the admission policy that adds finalizers; ignore what is missing.

        Operators that run may take a moment to stop.
        """
        if self._policy:
            binding = Target(POLICY_BINDINGS, None, self._policy)
            _expect(await api.request(self._client, "DELETE", binding.path()), binding)
        for deployment in self._deployments:
            operator, scaled_to_zero = Target(DEPLOYMENTS, *deployment), {"spec": {"replicas": 0}}
            answer = await api.request(self._client, "PATCH", operator.path("scale"), scaled_to_zero, api.MERGE_PATCH)
            _expect(answer, operator)

    async def _list(
        self, resource: Resource, labels: dict[str, str | None], page: int, accept: str
    ) -> AsyncIterator[Json]:
        for namespace in self._namespaces:
            query: dict[str, str | None] = {"labelSelector": ",".join(labels) or None, "limit": str(page)}
            continue_token: str | None = None
            while continue_token != "":
                path = resource.collection(namespace, {**query, "continue": continue_token})
                answer = await api.request(self._client, "GET", path, accept=accept)
                if api_responses.is_unserved(answer, resource):
                    break  # the CRD is gone, and all sessions with it
                for item in api_responses.items_of(answer, resource, namespace, labels):
                    yield item
                continue_token = str((answer.body.get("metadata") or {}).get("continue") or "")


def _expect(answer: api.Answer, target: Target) -> None:
    if not (api_responses.is_missing(answer, target) or api_responses.is_unserved(answer, target.resource)):
        api_responses.expect(answer)


def _is_named(raw: Json) -> bool:
    """Return whether the operator handles sessions of this name. It never wrote to any other."""
    metadata = raw["metadata"]
    if parse_key(metadata["namespace"], metadata["name"]):
        return True
    log.warning("session with an invalid name", namespace=metadata["namespace"], name=metadata["name"])
    return False
