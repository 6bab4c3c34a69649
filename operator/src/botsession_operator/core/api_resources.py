"""The paths of resources and of single objects in the Kubernetes API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from botsession_contract.names import GROUP, KIND, PLURAL, VERSION
from botsession_operator.api.spec import Json
from botsession_operator.core.api_paths import ApiPath
from botsession_operator.core.session_key import Key

#: The API groups, among those that the operator uses, that every cluster serves. The others may be missing: those of
#: CRDs, and that of MutatingAdmissionPolicies, which older versions of Kubernetes lack.
_ALWAYS_SERVED: Final = frozenset({"", "apps", "policy", "events.k8s.io", "networking.k8s.io", "coordination.k8s.io"})


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object, as the API server serves it."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def may_be_unserved(self) -> bool:
        """Return whether a cluster may not serve this kind, and so has no object of it."""
        return self.group not in _ALWAYS_SERVED

    def collection(self, namespace: str | None, query: Mapping[str, str | None] | None = None) -> ApiPath:
        """Return the path of all objects in one namespace, or in all namespaces."""
        return ApiPath(*self.segments(namespace), query=query)

    def segments(self, namespace: str | None) -> tuple[str, ...]:
        """Return the segments that all paths of these objects begin with."""
        root = ("apis", self.group, self.version) if self.group else ("api", self.version)
        place = () if namespace is None else ("namespaces", namespace)
        return (*root, *place, self.plural)


@dataclass(frozen=True, slots=True)
class Target:
    """One object that a request is about; `namespace` is None for a cluster-scoped one."""

    resource: Resource
    namespace: str | None
    name: str

    @property
    def segments(self) -> tuple[str, ...]:
        """Return the segments of the object's path."""
        return (*self.resource.segments(self.namespace), self.name)

    def path(self, *subresource: str) -> ApiPath:
        """Return the object's path, or that of a subresource."""
        return ApiPath(*self.segments, *subresource)

    def __str__(self) -> str:
        return f"{self.resource.plural} {self.namespace}/{self.name}" if self.namespace else self.name


SESSIONS: Final = Resource(GROUP, VERSION, KIND, PLURAL)
PODS: Final = Resource("", "v1", "Pod", "pods")
EVENTS: Final = Resource("events.k8s.io", "v1", "Event", "events")
BUDGETS: Final = Resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
LEASES: Final = Resource("coordination.k8s.io", "v1", "Lease", "leases")
DEPLOYMENTS: Final = Resource("apps", "v1", "Deployment", "deployments")
POLICY_BINDINGS: Final = Resource(
    "admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"
)
SERVER_VERSION: Final = ApiPath("version")
#: Where the API server lists its API groups, and the kinds in the operator's own one.
API_GROUPS: Final = ApiPath("apis")
KINDS_OF_GROUP: Final = ApiPath("apis", GROUP, VERSION)


def session_target(key: Key) -> Target:
    """Return the target that is a BotSession."""
    return Target(SESSIONS, key.namespace, key.name)


def target_of(manifest: Json) -> Target:
    """Return the object that a manifest describes. Its plural follows the rule of Kubernetes' own plurals."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    kind, metadata = manifest["kind"], manifest["metadata"]
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    return Target(Resource(group, version, kind, plural), metadata["namespace"], metadata["name"])
