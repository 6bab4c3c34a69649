"""Rule: a pod is a session's where its labels, its namespace and its controller say so; and other objects alike."""

from typing import Any

import pytest

from botsession_contract.names import SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.manifests.disruption_budget import build_budget
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from botsession_operator.core.observe.ownership import is_owned_alike, pod_owner
from botsession_operator.core.session_key import Key, SessionIdentity
from tests.builders import KEY, UID, session

OWN = SessionIdentity(KEY, UID)
PODS = PodSettings("registry.example/runtime:1", Injection.IMAGE_VOLUME)


def metadata(**changes: Any) -> Json:
    """Return the metadata of the pod that the operator builds, but for some members."""
    made: Json = build_pod(session(), "0" * 64, PODS)["metadata"]
    return {**made, **changes}


def controller(**changes: Any) -> Json:
    (made,) = metadata()["ownerReferences"]
    return {"ownerReferences": [{**made, **changes}]}


def labels(**changes: str) -> Json:
    return {"labels": {**metadata()["labels"], **changes}}


def test_the_pod_that_the_operator_builds_is_the_sessions() -> None:
    assert pod_owner(metadata()) == OWN


def test_a_template_that_adds_owners_and_labels_changes_nothing() -> None:
    others = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}]
    known = metadata()
    more = {**known, "ownerReferences": [*others, *known["ownerReferences"]], "labels": {**known["labels"], "a": "b"}}

    assert pod_owner(more) == OWN


def test_the_version_of_the_api_that_the_pod_was_made_with_does_not_matter() -> None:
    assert pod_owner(metadata(**controller(apiVersion="botsession.dev/v1"))) == OWN


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(labels(**{SESSION_LABEL: "other"}), id="a label names another session"),
        pytest.param(labels(**{SESSION_UID_LABEL: "other"}), id="a label names another UID"),
        pytest.param(labels(**{SESSION_LABEL: ""}), id="a label is empty"),
        pytest.param(labels(**{SESSION_LABEL: "A_b"}), id="a label is no name"),
        pytest.param({"labels": {SESSION_LABEL: KEY.name}}, id="it has no UID"),
        pytest.param({"labels": {}}, id="it has no labels"),
        pytest.param({"labels": None}, id="its labels are null"),
        pytest.param(controller(name="other"), id="its controller is another session"),
        pytest.param(controller(uid="other"), id="its controller is an earlier session of the name"),
        pytest.param(controller(kind="ReplicaSet"), id="its controller is of another kind"),
        pytest.param(controller(apiVersion="apps/v1"), id="its controller is of another group"),
        pytest.param(
            {"ownerReferences": [], "name": "mine"},
            id="it has no controller, and not the name of a session's pod",
        ),
    ],
)
def test_a_pod_that_contradicts_itself_is_nobodys(changes: Json) -> None:
    assert pod_owner(metadata(**changes)) is None


def test_an_orphaning_deletion_leaves_the_pod_its_session() -> None:
    assert pod_owner(metadata(ownerReferences=[])) == OWN


def test_a_pod_in_another_namespace_is_not_this_sessions() -> None:
    assert pod_owner(metadata(namespace="victim")) == SessionIdentity(Key("victim", KEY.name), UID)


def budget(**changes: Any) -> Json:
    made = build_budget(session())
    return {**made, "metadata": {**made["metadata"], **changes}}


@pytest.mark.parametrize(
    ("changes", "is_own"),
    [
        pytest.param({}, True, id="as it was made"),
        pytest.param(controller(uid="other"), False, id="of an earlier session of the name"),
        pytest.param(controller(kind="Deployment"), False, id="of another kind of owner"),
        pytest.param({"ownerReferences": []}, True, id="after an orphaning deletion"),
        pytest.param({"ownerReferences": [], "labels": {}}, False, id="made by hand"),
    ],
)
def test_objects_of_the_derived_name(changes: Json, is_own: bool) -> None:
    assert is_owned_alike(budget(**changes), budget()) is is_own
