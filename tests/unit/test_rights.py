"""How rights that are granted are compared with rights that were used."""

from tests.manifests import Json
from tests.rights import Right, granted, missing, unused

READ = Right("", "pods", "get")
WRITE = Right("", "pods", "create")
STOP = Right("apps", "deployments/scale", "patch", "operator")


def role(name: str, **rule: list[str]) -> Json:
    return {"kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]}


def binding(name: str, account: str) -> Json:
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": "system"}]
    reference = {"kind": "ClusterRole", "name": name}
    return {"kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": reference, "subjects": subjects}


PODS = role("pods", apiGroups=[""], resources=["pods"], verbs=["get", "create"])


def test_a_role_grants_each_verb_on_each_resource() -> None:
    assert granted([PODS, binding("pods", "operator")], "operator") == {READ, WRITE}


def test_a_role_that_is_bound_to_another_account_grants_nothing() -> None:
    assert granted([PODS, binding("pods", "other")], "operator") == frozenset()


def test_a_use_that_nothing_grants_is_missing() -> None:
    assert missing([READ], [READ, WRITE]) == ["create pods"]


def test_a_right_that_nothing_used_is_found() -> None:
    assert unused([READ, WRITE], [READ]) == ["create pods"]


def test_a_right_for_one_object_covers_no_other() -> None:
    other = Right("apps", "deployments/scale", "patch", "other")
    assert missing([STOP], [other]) == ["patch deployments/scale.apps other"]
    assert unused([STOP], [other]) == ["patch deployments/scale.apps operator"]


def test_a_right_for_all_objects_covers_each() -> None:
    assert missing([READ], [Right("", "pods", "get", "bot-1")]) == []
