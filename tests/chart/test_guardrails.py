"""The guardrails that the chart makes, as far as they can be read.

tests/e2e/test_guardrails.py has them refuse.
"""

from typing import Final

import pytest

from tests.chart.conftest import Render, Rendered
from tests.guardrails import RULES
from tests.manifests import Json

BINDING: Final = "ValidatingAdmissionPolicyBinding"
POLICY: Final = "ValidatingAdmissionPolicy"


def guarded(render: Render, *rules: Json) -> Rendered:
    return render(guardrails__enabled=True, guardrails__rules=list(rules))


def of_sessions(objects: Rendered) -> Json:
    """Return the policy that looks at sessions."""
    (found,) = (item for item in objects.of(POLICY) if "-pod-" not in item["metadata"]["name"] and is_ours(item))
    return found


def of_pods(objects: Rendered) -> Json:
    """Return the policy that looks at pods."""
    (found,) = (item for item in objects.of(POLICY) if "-pod-" in item["metadata"]["name"] and is_ours(item))
    return found


def is_ours(item: Json) -> bool:
    return "guardrails" in item["metadata"]["name"]


def variables(policy: Json) -> dict[str, str]:
    return {each["name"]: each["expression"] for each in policy["spec"]["variables"]}


def test_no_guardrails_are_made_unless_they_are_asked_for(render: Render) -> None:
    assert [item for kind in (POLICY, BINDING) for item in render().of(kind) if is_ours(item)] == []


def test_what_cannot_be_judged_is_refused(render: Render) -> None:
    objects = guarded(render, RULES)
    assert of_sessions(objects)["spec"]["failurePolicy"] == of_pods(objects)["spec"]["failurePolicy"] == "Fail"
    actions = [item["spec"]["validationActions"] for item in objects.of(BINDING) if is_ours(item)]
    assert actions == [["Deny"], ["Deny"]]


def test_tenants_cannot_edit_the_rules_of_their_own_namespace(render: Render) -> None:
    """The rules stand in the policy, which belongs to no namespace: there is no object of parameters to edit."""
    objects = guarded(render, {**RULES, "namespaces": ["bots"]})
    for item in (*objects.of(POLICY), *objects.of(BINDING)):
        assert not {"paramKind", "paramRef"} & item["spec"].keys()
        assert "namespace" not in item["metadata"]


def test_rules_hold_in_the_namespaces_that_they_name(render: Render) -> None:
    objects = guarded(render, {"name": "all"}, {"name": "bots", "namespaces": ["a", "b"]})
    found = {item["metadata"]["name"]: item["spec"] for item in objects.of(BINDING)}
    assert "matchResources" not in found["botsession-operator-guardrails-all"]
    for name in ("botsession-operator-guardrails-bots", "botsession-operator-pod-guardrails-bots"):
        (term,) = found[name]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert (term["operator"], term["values"], found[name]["policyName"]) == ("In", ["a", "b"], name)


def test_sets_of_rules_make_policies_of_their_own(render: Render) -> None:
    objects = guarded(render, {"name": "x"}, {"name": "pods-x"}, {"name": "x-pods"})
    names = [item["metadata"]["name"] for item in objects.of(POLICY) if is_ours(item)]
    assert len(names) == len({*names}) == 6


@pytest.mark.parametrize(
    ("given", "written"), [({"images": []}, "[]"), ({"images": ["a/*", "b"]}, '["a/*","b"]'), ({}, '["*"]')]
)
def test_an_empty_list_is_told_from_none(render: Render, given: Json, written: str) -> None:
    for policy in (of_sessions, of_pods):
        found = variables(policy(guarded(render, {"name": "x", **given})))["imagesAllowed"]
        assert found.startswith(f"{written} .map(")


@pytest.mark.parametrize(("given", "closed"), [({}, "true"), ({"hostAccess": True}, "false")])
def test_the_node_is_closed_unless_a_rule_opens_it(render: Render, given: Json, closed: str) -> None:
    assert variables(of_pods(guarded(render, {"name": "x", **given})))["hostIsClosed"] == closed


def test_the_runtime_that_the_operator_adds_needs_no_permission(render: Render) -> None:
    objects = render(guardrails__enabled=True, runtime__image="registry.example/runtime:2")
    assert 'image != "registry.example/runtime:2"' in variables(of_pods(objects))["imagesRefused"]


def test_only_pods_that_the_operator_makes_are_judged(render: Render) -> None:
    (condition,) = of_pods(guarded(render, RULES))["spec"]["matchConditions"]
    assert "system:serviceaccount:botsession-system:botsession-operator'" in condition["expression"]
