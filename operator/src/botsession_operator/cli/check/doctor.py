"""`botsession doctor`: check the cluster, the operator and the user's rights."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import typer

from botsession_contract.names import GROUP, PLURAL, VERSION
from botsession_operator.cli import options
from botsession_operator.cli.check.findings import Finding, Verdict, show
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient, Where
from botsession_operator.core.api_paths import ApiPath
from botsession_operator.core.api_resources import DEPLOYMENTS, SERVER_VERSION

Json = dict[str, Any]
OLDEST_KUBERNETES: Final = (1, 31)
#: The first version with image volumes on by default, as in effects/kubernetes.py; a test compares the two.
IMAGE_VOLUMES_SINCE: Final = (1, 35)
CRD: Final = ApiPath("apis", "apiextensions.k8s.io", "v1", "customresourcedefinitions", f"{PLURAL}.{GROUP}")
_OURS: Final = {"labelSelector": "app.kubernetes.io/name=botsession-operator"}
OPERATORS: Final = DEPLOYMENTS.collection(None, _OURS)
POLICIES: Final = ApiPath("apis", "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", query=_OURS)
#: The rights that the commands need, each with the commands that need it.
RIGHTS: Final = (
    ("get", GROUP, PLURAL, "", "get, describe, why"),
    ("list", GROUP, PLURAL, "", "list, top"),
    ("watch", GROUP, PLURAL, "", "--watch, --wait"),
    ("create", GROUP, PLURAL, "", "start, check"),
    ("patch", GROUP, PLURAL, "", "end, extend"),
    ("get", "", "pods", "log", "logs"),
    ("list", "", "events", "", "describe"),
)


def doctor(
    *,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Check the cluster, the operator and your permissions.

    Says how to fix each problem. Exits with 1 if a problem keeps sessions from working.
    """
    raise typer.Exit(show(examine(Where(kubeconfig, context, namespace))))


def examine(where: Where) -> Iterator[Finding]:
    """Yield the findings of each check; only one where the cluster does not answer."""
    try:
        cluster = ClusterClient(where)
        version = cluster.get(SERVER_VERSION)
    except CliError as error:
        remedy = "Choose another --context or --kubeconfig, or fix the current one."
        yield Finding(Verdict.FAIL, f"No cluster: {error}", remedy)
        return
    yield from versions(version, cluster)
    for look in (_definition, _operator, _policy):
        yield from _where_allowed(look, cluster)
    yield from _rights(cluster)


def versions(version: Json, cluster: ClusterClient) -> Iterator[Finding]:
    """Yield the findings about the server's version."""
    known, text = number(version), version.get("gitVersion", "?")
    if known < OLDEST_KUBERNETES:
        yield Finding(
            Verdict.FAIL, f"Kubernetes {text} at {cluster.server} is too old.", "Sessions need 1.31 or newer."
        )
        return
    yield Finding(Verdict.OK, f"Kubernetes {text} at {cluster.server}")
    if known >= IMAGE_VOLUMES_SINCE:
        yield Finding(Verdict.OK, "The kubelet mounts the runtime into bots' pods as an image volume.")
    else:
        yield Finding(Verdict.OK, "An init container copies the runtime; Kubernetes 1.35 or newer mounts it instead.")


def number(version: Json) -> tuple[int, int]:
    """Return a server's version as numbers. Some servers write a plus after the minor one."""
    return int(version["major"]), int(version["minor"].rstrip("+"))


def _definition(cluster: ClusterClient) -> Iterator[Finding]:
    remedy = "Install the operator's chart with helm: docs/operations/install.md."
    try:
        crd = cluster.get(CRD)
    except CliError as error:
        if error.code is Exit.FORBIDDEN:
            raise
        yield Finding(Verdict.FAIL, "The cluster has no BotSession resource.", remedy)
        return
    served = [each["name"] for each in crd["spec"]["versions"] if each["served"]]
    if VERSION not in served:
        yield Finding(Verdict.FAIL, f"The cluster serves BotSession {', '.join(served)}, not {VERSION}.", remedy)
    elif fields(crd) != own_fields():
        fact = "The cluster's BotSession and this botsession have different fields."
        yield Finding(Verdict.WARN, fact, "Install the same version of the chart and of botsession.")
    else:
        yield Finding(Verdict.OK, f"BotSession {VERSION}, with the same fields as this botsession")


def fields(crd: Json) -> set[str]:
    """Return the paths of all fields of a CRD."""
    (schema,) = (each["schema"]["openAPIV3Schema"] for each in crd["spec"]["versions"] if each["name"] == VERSION)
    return set(_paths(schema, ""))


def own_fields() -> set[str]:
    """Return the paths of all fields that this version has."""
    from botsession_operator.api.admission import session_schema

    return set(_paths(session_schema(), ""))


def _paths(schema: Json, path: str) -> Iterator[str]:
    for name, member in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _paths(member.get("items", member), f"{path}.{name}")


def _operator(cluster: ClusterClient) -> Iterator[Finding]:
    found = cluster.get(OPERATORS)["items"]
    if not found:
        remedy = "Install the operator's chart with helm; sessions wait until it runs."
        yield Finding(Verdict.FAIL, "No operator is installed.", remedy)
    for deployment in found:
        yield judge_operator(deployment)


def judge_operator(deployment: Json) -> Finding:
    """Return whether an operator is ready, and what to do if it is not."""
    metadata = deployment["metadata"]
    place = f"{metadata['namespace']}/{metadata['name']}"
    version = metadata.get("labels", {}).get("app.kubernetes.io/version", "of unknown version")
    if deployment.get("status", {}).get("readyReplicas"):
        return Finding(Verdict.OK, f"The operator {version} is ready: {place}")
    if deployment["spec"].get("replicas") == 0:
        remedy = f"kubectl scale deployment {metadata['name']} -n {metadata['namespace']} --replicas=1"
        return Finding(Verdict.FAIL, f"The operator {place} is scaled to 0 replicas.", remedy)
    remedy = f"kubectl logs deployment/{metadata['name']} -n {metadata['namespace']} says why."
    return Finding(Verdict.FAIL, f"The operator {place} is not ready.", remedy)


def _policy(cluster: ClusterClient) -> Iterator[Finding]:
    try:
        found = cluster.get(POLICIES)["items"]
    except CliError as error:
        if error.code is Exit.FORBIDDEN:
            raise
        found = []
    how = "an admission policy" if found else "the operator (one write per session)"
    yield Finding(Verdict.OK, f"New sessions get their finalizer from {how}.")


def _rights(cluster: ClusterClient) -> Iterator[Finding]:
    for verb, group, resource, subresource, needed_by in RIGHTS:
        what = f"{verb} {resource}{'/' if subresource else ''}{subresource} in {cluster.namespace}"
        if cluster.may(verb, group, resource, subresource):
            yield Finding(Verdict.OK, f"You may {what}.")
        else:
            yield Finding(
                Verdict.WARN,
                f"You may not {what}, which {needed_by} needs.",
                "Ask an administrator of the cluster for this permission.",
            )


def _where_allowed(look: Callable[[ClusterClient], Iterator[Finding]], cluster: ClusterClient) -> Iterator[Finding]:
    """Yield a check's findings, or a warning where the user may not read what belongs to the whole cluster."""
    try:
        yield from look(cluster)
    except CliError as error:
        if error.code is not Exit.FORBIDDEN:
            raise
        yield Finding(Verdict.WARN, f"Not checked: {error}", "Ask an administrator of the cluster to run this command.")
