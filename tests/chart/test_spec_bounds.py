"""The policy by which a session that is too much is refused at `kubectl apply`."""

import re

from botsession_operator.api.spec_bounds import BODY_BYTES, ITEMS, LEVELS, SPEC_BYTES
from tests.chart.conftest import Render

KIND = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"


def test_the_policy_has_the_bounds_of_a_local_run(render: Render) -> None:
    spec = render(has=KIND).one("ValidatingAdmissionPolicy")["spec"]
    shallow = {each["name"]: each["expression"] for each in spec["variables"]}["isBodyShallow"]
    sizes = [
        int(found) for each in spec["validations"] for found in re.findall(r"<= (\d+) \* 1024", each["expression"])
    ]

    assert shallow.count(".all(") == LEVELS
    assert set(re.findall(r"size\(\) <= (\d+)", shallow)) == {str(ITEMS)}
    assert [size * 1024 for size in sizes] == [BODY_BYTES, SPEC_BYTES]


def test_sessions_that_are_older_than_the_policy_can_be_ended_and_deleted(render: Render) -> None:
    spec = render(has=KIND).one("ValidatingAdmissionPolicy")["spec"]
    (condition,) = spec["matchConditions"]

    assert condition["expression"] == "request.operation == 'CREATE' || dyn(object).spec != dyn(oldObject).spec"
    assert [rule["resources"] for rule in spec["matchConstraints"]["resourceRules"]] == [["botsessions"]]


def test_the_policy_holds_where_the_operator_works(render: Render) -> None:
    everywhere = render(has=KIND).one("ValidatingAdmissionPolicyBinding")["spec"]
    some = render(has=KIND, watchNamespaces=["a"]).one("ValidatingAdmissionPolicyBinding")["spec"]

    assert "matchResources" not in everywhere
    assert some["matchResources"]["namespaceSelector"]["matchExpressions"][0]["values"] == ["a"]


def test_the_policy_can_be_left_out(render: Render) -> None:
    assert not render(has=KIND, specBounds="Off").of("ValidatingAdmissionPolicy")
    assert not render().of("ValidatingAdmissionPolicy")
