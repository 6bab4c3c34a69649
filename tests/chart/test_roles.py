"""The rights that the chart grants: to the operator, to what uninstalls it, and to people."""

from typing import Final

import pytest

from tests.chart.conftest import Render, Rendered
from tests.rights import Right, granted

OPERATOR: Final = "botsession-operator"
UNINSTALLER: Final = "botsession-operator-uninstall"
ADMISSION_POLICY: Final = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
STOP: Final = Right("apps", "deployments/scale", "patch", OPERATOR)
BINDINGS: Final = "mutatingadmissionpolicybindings"
UNHOLD: Final = Right("admissionregistration.k8s.io", BINDINGS, "delete", "botsession-operator-finalizer")


def lasting(objects: Rendered) -> Rendered:
    """Return what there is while the release is installed: without what Helm makes only to uninstall it."""
    return Rendered(item for item in objects if "helm.sh/hook" not in item["metadata"].get("annotations", {}))


def on(rights: frozenset[Right], resource: str) -> set[str]:
    return {right.verb for right in rights if right.resource == resource}


def test_the_operator_holds_no_right_that_only_uninstalling_needs(render: Render) -> None:
    objects = render(has=ADMISSION_POLICY)
    for grants in (granted(lasting(objects), OPERATOR), granted(objects, OPERATOR)):
        assert not {"deployments/scale", BINDINGS} & {right.resource for right in grants}


@pytest.mark.parametrize("watched", [[], ["a", "b"]])
def test_no_account_may_stop_the_operator_until_it_is_uninstalled(render: Render, watched: list[str]) -> None:
    assert granted(lasting(render(has=ADMISSION_POLICY, watchNamespaces=watched)), UNINSTALLER) == frozenset()


def test_what_uninstalls_has_the_operators_rights_and_two_more(render: Render) -> None:
    objects = render(has=ADMISSION_POLICY)
    assert granted(objects, UNINSTALLER) == granted(objects, OPERATOR) | {STOP, UNHOLD}


def test_in_watched_namespaces_it_has_one_more(render: Render) -> None:
    objects = render(has=ADMISSION_POLICY, watchNamespaces=["a", "b"])
    assert granted(objects, UNINSTALLER) == granted(objects, OPERATOR) | {STOP}


def test_the_job_runs_as_its_own_account(render: Render) -> None:
    objects = render()
    accounts = {item["metadata"]["name"] for item in objects.of("ServiceAccount")}
    assert objects.one("Job")["spec"]["template"]["spec"]["serviceAccountName"] == UNINSTALLER
    assert accounts == {OPERATOR, UNINSTALLER}


def test_rights_are_there_before_the_job_that_needs_them(render: Render) -> None:
    objects = render(has=ADMISSION_POLICY)
    made = [item for item in objects if item not in lasting(objects) and item["kind"] != "Job"]
    assert {item["metadata"]["annotations"]["helm.sh/hook-weight"] for item in made} == {"-1"}
    assert "helm.sh/hook-weight" not in objects.one("Job")["metadata"]["annotations"]


def test_an_account_of_the_users_own_uninstalls_too(render: Render) -> None:
    objects = render(has=ADMISSION_POLICY, serviceAccount__create=False, serviceAccount__name="mine")
    assert not objects.of("ServiceAccount")
    assert objects.one("Job")["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
    assert granted(objects, "mine") >= {STOP, UNHOLD}


def test_the_operator_makes_budgets_and_services(render: Render) -> None:
    rights = granted(render(), OPERATOR)
    assert on(rights, "poddisruptionbudgets") == on(rights, "services") == {"get", "create", "delete"}


@pytest.mark.parametrize(("values", "resource"), [("eviction", "poddisruptionbudgets"), ("expose", "services")])
def test_what_no_session_may_ask_for_needs_no_right(render: Render, values: str, resource: str) -> None:
    route = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
    rights = granted(render(**{f"{values}__enabled": False, "expose__route": route}), OPERATOR)
    assert on(rights, resource) == {"get"}
    assert bool(on(rights, "ingresses")) == (values == "eviction")


@pytest.mark.parametrize("name", ["view", "edit", "admin"])
def test_people_get_sessions_with_kubernetes_own_roles(render: Render, name: str) -> None:
    (role,) = (item for item in render().of("ClusterRole") if item["metadata"]["name"] == f"botsession-{name}")
    assert role["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{name}"] == "true"
    verbs = {verb for rule in role["rules"] if rule["resources"] == ["botsessions"] for verb in rule["verbs"]}
    assert ("create" in verbs) == (name != "view")


def test_people_never_write_a_status(render: Render) -> None:
    for role in render().of("ClusterRole"):
        if role["metadata"]["name"].startswith(("botsession-view", "botsession-edit", "botsession-admin")):
            assert [rule["verbs"] for rule in role["rules"] if rule["resources"] == ["botsessions/status"]] == [["get"]]


def test_roles_for_people_can_be_left_out(render: Render) -> None:
    assert [item["metadata"]["name"] for item in render(userRoles__create=False).of("ClusterRole")] == [OPERATOR]


@pytest.mark.parametrize("watched", [[], ["a", "b"]])
def test_the_operator_may_write_no_lease_but_its_own(render: Render, watched: list[str]) -> None:
    objects = render(watchNamespaces=watched)
    leases = {right for right in granted(objects, OPERATOR) if right.resource == "leases"}
    (role,) = (each for each in objects.of("Role") if each["metadata"]["name"] == "botsession-operator-leader")
    named = {("get", OPERATOR), ("patch", OPERATOR)}
    assert {(right.verb, right.name) for right in leases} == {("create", ""), ("list", ""), *named}
    assert role["metadata"]["namespace"] == "botsession-system"


@pytest.mark.parametrize("watched", [[], ["a", "b"]])
def test_what_uninstalls_may_hold_the_lease_too(render: Render, watched: list[str]) -> None:
    objects = render(watchNamespaces=watched)
    assert granted(objects, UNINSTALLER) >= granted(objects, OPERATOR)


def test_an_operator_that_stands_alone_needs_no_lease(render: Render) -> None:
    assert on(granted(render(replicas=1), OPERATOR), "leases") == set()
