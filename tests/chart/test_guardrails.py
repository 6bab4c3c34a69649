"""The guardrails that the chart makes, as far as they can be read; tests/e2e/test_guardrails.py has them refuse."""

from typing import Final

import pytest

from tests.chart.conftest import Render, Rendered
from tests.guardrails import RULES
from tests.manifests import Json

BINDING: Final = "ValidatingAdmissionPolicyBinding"
POLICY: Final = "ValidatingAdmissionPolicy"


def guarded(render: Render, *rules: Json) -> Rendered:
    return render(guardrails__enabled=True, guardrails__rules=list(rules))


def test_no_guardrails_are_made_unless_they_are_asked_for(render: Render) -> None:
    assert not render().of(POLICY) + render().of(BINDING) + render().of("ConfigMap")


def test_what_cannot_be_judged_is_refused(render: Render) -> None:
    objects = guarded(render, RULES)
    assert {item["spec"]["failurePolicy"] for item in objects.of(POLICY)} == {"Fail"}
    assert {item["spec"]["paramRef"]["parameterNotFoundAction"] for item in objects.of(BINDING)} == {"Deny"}
    assert {tuple(item["spec"]["validationActions"]) for item in objects.of(BINDING)} == {("Deny",)}


def test_tenants_cannot_edit_the_rules_of_their_own_namespace(render: Render) -> None:
    objects = guarded(render, {**RULES, "namespaces": ["bots"]})
    assert objects.one("ConfigMap")["metadata"]["namespace"] == "botsession-system"
    assert {item["spec"]["paramRef"]["namespace"] for item in objects.of(BINDING)} == {"botsession-system"}


def test_rules_hold_in_the_namespaces_that_they_name(render: Render) -> None:
    everywhere, bots = {"name": "all"}, {"name": "bots", "namespaces": ["a", "b"]}
    found = {item["metadata"]["name"]: item["spec"] for item in guarded(render, everywhere, bots).of(BINDING)}
    assert "matchResources" not in found["botsession-operator-guardrails-all"]
    for name in ("botsession-operator-guardrails-bots", "botsession-operator-guardrails-pods-bots"):
        (term,) = found[name]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert (term["operator"], term["values"]) == ("In", ["a", "b"])


def test_sessions_and_pods_go_by_the_same_rules(render: Render) -> None:
    found = {item["metadata"]["name"]: item["spec"]["paramRef"]["name"] for item in guarded(render, RULES).of(BINDING)}
    assert set(found.values()) == {"botsession-operator-guardrails-tenants"}
    assert len(found) == 2


@pytest.mark.parametrize(("given", "written"), [([], ""), (["a/*", "b"], "a/*\nb")])
def test_an_empty_list_is_told_from_none(render: Render, given: list[str], written: str) -> None:
    assert guarded(render, {"name": "x", "images": given}).one("ConfigMap")["data"]["images"] == written
    assert "images" not in guarded(render, {"name": "x"}).one("ConfigMap")["data"]


def test_the_node_is_closed_unless_a_rule_opens_it(render: Render) -> None:
    assert guarded(render, {"name": "x"}).one("ConfigMap")["data"]["hostAccess"] == "false"
    assert guarded(render, {"name": "x", "hostAccess": True}).one("ConfigMap")["data"]["hostAccess"] == "true"


def test_the_runtime_that_the_operator_adds_needs_no_permission(render: Render) -> None:
    objects = render(guardrails__enabled=True, runtime__image="registry.example/runtime:2")
    assert objects.one("ConfigMap")["data"]["runtimeImage"] == "registry.example/runtime:2"


def test_only_pods_that_the_operator_makes_are_judged(render: Render) -> None:
    (pods,) = (item for item in guarded(render, RULES).of(POLICY) if item["metadata"]["name"].endswith("-pods"))
    (condition,) = pods["spec"]["matchConditions"]
    assert "system:serviceaccount:botsession-system:botsession-operator'" in condition["expression"]
