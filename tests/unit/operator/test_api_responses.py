"""An answer counts only for the object that was asked for, and a refusal that waiting does not change is final."""

from typing import Any

import pytest

from botsession_operator.api.spec import Json
from botsession_operator.core.api_resources import (
    BUDGETS,
    DEPLOYMENTS,
    PODS,
    SESSIONS,
    Resource,
    Target,
    session_target,
)
from botsession_operator.effects import api_responses
from botsession_operator.effects.api import Answer
from botsession_operator.errors import ClusterUnavailable, RequestRefused, WrongAnswer
from tests.apiserver import missing
from tests.builders import KEY, raw_session

SESSION = session_target(KEY)
POD = Target(PODS, "bots", "p")
NO_PAGE = Answer(404, {"message": "404 page not found\n"})
HTML = "<html>welcome to the proxy</html>"
NO_NAMESPACE = Answer(404, missing("bots", "namespaces", ""))


def test_an_object_is_missing_where_the_answer_names_it() -> None:
    assert api_responses.object_of(Answer(404, missing(KEY.name)), SESSION) is None
    assert api_responses.object_of(Answer(404, missing("p", "pods", "")), POD) is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NO_PAGE, id="the kind is not served"),
        pytest.param(NO_NAMESPACE, id="the namespace is missing"),
        pytest.param(Answer(404, missing("other")), id="another session is missing"),
        pytest.param(Answer(404, missing(KEY.name, "pods", "")), id="a pod of its name is missing"),
        pytest.param(Answer(404, missing(KEY.name, group="other.example")), id="it is of another group"),
        pytest.param(Answer(404, {}), id="it says nothing"),
        pytest.param(Answer(404, {"kind": "Status", "reason": "NotFound"}), id="it says not what"),
        pytest.param(Answer(404, {**missing(KEY.name), "reason": "Expired"}), id="it gives another reason"),
        pytest.param(Answer(404, {**missing(KEY.name), "details": "x"}), id="its details are none"),
    ],
)
def test_another_404_does_not_make_a_session_gone(answer: Answer) -> None:
    with pytest.raises(ClusterUnavailable):
        api_responses.object_of(answer, SESSION)


def test_a_kind_that_is_not_served_is_told_from_an_object_that_is_missing() -> None:
    assert api_responses.is_unserved(NO_PAGE, SESSIONS)
    assert not api_responses.is_unserved(Answer(404, missing(KEY.name)), SESSIONS)
    assert not api_responses.is_unserved(NO_NAMESPACE, SESSIONS)


def test_a_cluster_may_lack_the_kinds_of_routes_that_are_crds() -> None:
    assert api_responses.is_unserved(NO_PAGE, Resource("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"))


@pytest.mark.parametrize("resource", [PODS, BUDGETS, DEPLOYMENTS, Resource("", "v1", "Service", "services")])
def test_kinds_of_kubernetes_itself_are_never_taken_for_unserved(resource: Resource) -> None:
    assert not api_responses.is_unserved(NO_PAGE, resource)


def test_the_page_of_a_proxy_does_not_make_a_kind_unserved() -> None:
    assert not api_responses.is_unserved(Answer(404, {"message": HTML}), SESSIONS)


def test_the_object_that_was_asked_for_is_given() -> None:
    assert api_responses.object_of(Answer(200, raw_session()), SESSION) == raw_session()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(raw_session(name="call-1"), id="another name"),
        pytest.param(raw_session(namespace="victim"), id="another namespace"),
        pytest.param({**raw_session(), "kind": "Pod"}, id="another kind"),
        pytest.param({**raw_session(), "kind": "BotSessionList"}, id="a list"),
        pytest.param({"kind": "BotSession"}, id="nothing of its metadata"),
        pytest.param({"kind": "BotSession", "metadata": "x"}, id="metadata that is none"),
        pytest.param({}, id="nothing at all"),
    ],
)
def test_another_object_than_was_asked_for_is_an_error(body: Json) -> None:
    with pytest.raises(WrongAnswer, match="another object"):
        api_responses.object_of(Answer(200, body), SESSION)


def item(**metadata: Any) -> Json:
    return {"metadata": {"namespace": "bots", "name": "p", "labels": {"l": "v"}, **metadata}}


@pytest.mark.parametrize(
    ("stranger", "labels"),
    [
        pytest.param(item(namespace="victim"), {"l": "v"}, id="of another namespace"),
        pytest.param(item(labels={"l": "other"}), {"l": "v"}, id="with another value of the label"),
        pytest.param(item(labels={}), {"l": "v"}, id="without the label"),
        pytest.param(item(labels=None), {"l": None}, id="without any label"),
    ],
)
def test_a_list_holds_only_what_was_asked_for(stranger: Json, labels: dict[str, str | None]) -> None:
    answer = Answer(200, {"kind": "PodList", "items": [stranger, item()]})

    assert list(api_responses.items_of(answer, PODS, "bots", labels)) == [item()]


def test_a_list_of_all_namespaces_holds_all() -> None:
    answer = Answer(200, {"kind": "BotSessionList", "items": [item(namespace="a"), item(namespace="b")]})

    assert len(list(api_responses.items_of(answer, SESSIONS, None, {}))) == 2


@pytest.mark.parametrize("kind", ["PodList", "PartialObjectMetadataList"])
@pytest.mark.parametrize("items", [[], None])
def test_an_empty_list_is_an_answer(kind: str, items: list[Json] | None) -> None:
    assert list(api_responses.items_of(Answer(200, {"kind": kind, "items": items}), PODS, "bots", {})) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"message": HTML}, id="the page of a proxy"),
        pytest.param({}, id="nothing at all"),
        pytest.param({"items": []}, id="a list of no kind"),
        pytest.param({"kind": "Status", "status": "Success"}, id="a status"),
        pytest.param({"kind": "Pod", "items": []}, id="a single object"),
        pytest.param({"kind": "PodList"}, id="a list without items"),
        pytest.param({"kind": "PodList", "items": {}}, id="items that are an object"),
        pytest.param({"kind": "PodList", "items": ""}, id="items that are text"),
    ],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(body: Json) -> None:
    with pytest.raises(WrongAnswer, match="list of pods"):
        list(api_responses.items_of(Answer(200, body), PODS, "bots", {}))


@pytest.mark.parametrize("status", [400, 405, 406, 413, 415, 422, 431])
def test_a_refusal_that_waiting_does_not_change_is_permanent(status: int) -> None:
    with pytest.raises(RequestRefused, match="no"):
        api_responses.object_of(Answer(status, {"kind": "Status", "message": "no"}), SESSION)


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 410, 429])
def test_a_refusal_that_may_pass_is_transient(status: int) -> None:
    with pytest.raises(ClusterUnavailable, match="no"):
        api_responses.object_of(Answer(status, {"kind": "Status", "message": "no"}), SESSION)
