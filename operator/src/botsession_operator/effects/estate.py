"""The Estate port on a real API server."""

from http import HTTPStatus

from kubernetes.aio import client

from botsession_contract.names import GROUP, PLURAL, SESSION_LABEL, VERSION
from botsession_operator.api.spec import Json
from botsession_operator.effects import api
from botsession_operator.effects.kubernetes import MERGE_PATCH
from botsession_operator.errors import ClusterUnavailable


class KubernetesEstate:
    """Everything in the namespaces that the operator looks after, and the operator's own Deployment."""

    def __init__(
        self,
        client: client.ApiClient,
        namespaces: tuple[str, ...] = (),
        deployment: tuple[str, str] | None = None,
        policy: str | None = None,
    ) -> None:
        self._client = client
        self._places = tuple(f"/namespaces/{namespace}" for namespace in namespaces) or ("",)
        self._deployment = deployment
        #: The MutatingAdmissionPolicyBinding by which the API server holds new sessions.
        self._policy = policy

    async def sessions(self) -> list[Json]:
        """Read all BotSessions that the operator looks after."""
        return await self._list(f"/apis/{GROUP}/{VERSION}", PLURAL)

    async def pods(self) -> list[Json]:
        """Read all pods of sessions."""
        return await self._list("/api/v1", f"pods?labelSelector={SESSION_LABEL}")

    async def stop_operator(self) -> None:
        """Have no operator run but the one that calls, and nobody else hold new sessions; what is missing is success.

        It may take the other a moment to be gone.
        """
        if self._policy:
            policies = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings"
            await self._do("DELETE", f"{policies}/{self._policy}")
        if self._deployment:
            path = "/apis/apps/v1/namespaces/{}/deployments/{}/scale".format(*self._deployment)
            await self._do("PATCH", path, {"spec": {"replicas": 0}})

    async def _list(self, group: str, what: str) -> list[Json]:
        found: list[Json] = []
        for place in self._places:
            # A namespace that is gone has nothing; a CRD that is gone has taken its sessions along.
            answer = await self._do("GET", f"{group}{place}/{what}")
            found += answer.body.get("items", ())
        return found

    async def _do(self, method: str, path: str, body: Json | None = None) -> api.Answer:
        answer = await api.request(self._client, method, path, body, MERGE_PATCH if body else "application/json")
        if not answer.is_ok and answer.status != HTTPStatus.NOT_FOUND:
            raise ClusterUnavailable(f"{method} {path}: {answer.status} {answer.message}")
        return answer
