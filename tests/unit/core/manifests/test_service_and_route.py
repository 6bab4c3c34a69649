"""How callers reach a session: its Service, its route and its address."""

from dataclasses import replace
from typing import Any, Final

import pytest

from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.spec import Json
from botsession_operator.api.status import ConditionStatus, ConditionType
from botsession_operator.core.decide import exposure
from botsession_operator.core.decide.exposure import ExposureChange
from botsession_operator.core.manifests import service_and_route
from botsession_operator.core.manifests.service_and_route import Exposure
from botsession_operator.core.observe.observed import Key, Session, WaitingReason
from botsession_operator.core.status import exposed_condition
from tests.builders import UID, observed, pod, raw_spec, session

PORT: Final = {"port": 7860}
INGRESS: Final = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"annotations": {"rewrite": "/$2"}, "labels": {"team": "voice"}},
    "spec": {
        "rules": [{"host": "${name}.${namespace}.example.com", "port": {"number": "${port}"}, "to": "${service}"}]
    },
}


def exposed(transport: str | None = None, expose: Json = PORT, **changes: Any) -> Session:
    bot = raw_spec()["bot"] | ({"transport": {"type": transport}} if transport else {})
    return session(bot=bot, expose=expose, **changes)


@pytest.mark.parametrize(
    ("transport", "expose", "url"),
    [
        pytest.param("websocket", PORT, "ws://{}.bots.svc:7860/ws", id="a WebSocket"),
        pytest.param("websocket", {"port": 80}, "ws://{}.bots.svc:80/ws", id="on another port"),
        pytest.param("smallwebrtc", PORT, "http://{}.bots.svc:7860", id="a WebRTC offer"),
        pytest.param(None, PORT, "http://{}.bots.svc:7860", id="a bot that listens itself"),
        pytest.param(
            None, {**PORT, "protocol": "WebSocket", "path": "/talk"}, "ws://{}.bots.svc:7860/talk", id="in its own way"
        ),
    ],
)
def test_address_inside_the_cluster(transport: str | None, expose: Json, url: str) -> None:
    given = exposed(transport, expose)
    assert service_and_route.url(given, Exposure()) == url.format(service_and_route.service_name(given))


def test_address_by_the_operators_own_template() -> None:
    public = Exposure("${scheme}s://bots.example.com/${namespace}/${name}${path}")
    assert service_and_route.url(exposed("websocket"), public) == "wss://bots.example.com/bots/support-42/ws"


def test_session_that_is_not_exposed_has_no_address_and_no_objects() -> None:
    assert service_and_route.url(session(), Exposure()) is None
    assert service_and_route.manifests(session(), Exposure(route=INGRESS)) == ()


def test_service_selects_the_sessions_own_pod() -> None:
    (service,) = service_and_route.manifests(exposed("websocket"), Exposure())
    assert service["spec"]["selector"] == {"botsession.dev/session": "support-42", "botsession.dev/session-uid": UID}
    assert service["metadata"]["ownerReferences"][0]["uid"] == UID


@pytest.mark.parametrize(("transport", "protocol"), [("websocket", "kubernetes.io/ws"), ("smallwebrtc", "http")])
def test_service_says_what_its_port_speaks(transport: str, protocol: str) -> None:
    (service,) = service_and_route.manifests(exposed(transport), Exposure())
    assert service["spec"]["ports"] == [{"name": "call", "port": 7860, "targetPort": 7860, "appProtocol": protocol}]


def test_service_leads_to_the_port_that_a_pod_says_which_shares_its_nodes() -> None:
    on_node = session(expose={"port": 7860}, podTemplate={"spec": {"hostNetwork": True}})
    (service,) = service_and_route.manifests(on_node, Exposure())
    assert [(each["port"], each["targetPort"]) for each in service["spec"]["ports"]] == [(7860, "call")]


@pytest.mark.parametrize("name", ["support-42", "a.b", "42", "x" * 63, "9.x-y"])
def test_service_has_a_name_that_the_api_server_takes(name: str) -> None:
    given = replace(exposed(), key=Key("bots", name))
    label = service_and_route.service_name(given)
    assert len(label) <= 63
    assert label[0].isalpha()
    assert label.replace("-", "").isalnum()


def test_services_of_two_sessions_of_one_name_differ() -> None:
    given = exposed()
    assert service_and_route.service_name(given) != service_and_route.service_name(replace(given, uid="another"))


def test_route_is_filled_in_and_comes_before_the_service() -> None:
    given = exposed()
    route, service = service_and_route.manifests(given, Exposure(route=INGRESS))
    (rule,) = route["spec"]["rules"]
    assert rule == {"host": "support-42.bots.example.com", "port": {"number": 7860}, "to": service["metadata"]["name"]}


def test_route_belongs_to_its_session_and_keeps_what_it_was_given() -> None:
    route, _ = service_and_route.manifests(exposed(), Exposure(route=INGRESS))
    metadata = route["metadata"]
    assert (metadata["name"], metadata["namespace"]) == (service_and_route.service_name(exposed()), "bots")
    assert metadata["ownerReferences"][0]["uid"] == UID
    assert (metadata["annotations"], metadata["labels"]["team"]) == ({"rewrite": "/$2"}, "voice")


@pytest.mark.parametrize(
    ("given", "is_exposed", "change"),
    [
        pytest.param(session(), False, None, id="nobody asked for it"),
        pytest.param(exposed(), False, ExposureChange.CREATE, id="it is missing"),
        pytest.param(exposed(), True, None, id="it is there"),
    ],
)
def test_what_a_session_needs(given: Session, is_exposed: bool, change: ExposureChange | None) -> None:
    assert exposure.exposure_change(replace(observed(given, pod()), is_exposed=is_exposed)) is change


@pytest.mark.parametrize(("is_exposed", "change"), [(True, ExposureChange.DELETE), (False, None)])
def test_what_a_session_needs_that_is_over(is_exposed: bool, change: ExposureChange | None) -> None:
    assert exposure.exposure_removal(replace(observed(exposed(), pod()), is_exposed=is_exposed)) is change


@pytest.mark.parametrize(
    ("given", "is_exposed", "refusal", "said"),
    [
        pytest.param(session(), False, None, [], id="nothing of a session that nobody is to reach"),
        pytest.param(exposed(), True, None, [(ConditionStatus.TRUE, "ServiceCreated")], id="it is there"),
        pytest.param(
            exposed(),
            False,
            WaitingReason(ConditionReason.QUOTA_EXCEEDED, ""),
            [(ConditionStatus.FALSE, "QuotaExceeded")],
            id="it was refused",
        ),
        pytest.param(
            exposed(), False, exposed_condition.FINISHED, [(ConditionStatus.FALSE, "Finished")], id="it is over"
        ),
    ],
)
def test_what_the_condition_says(
    given: Session, is_exposed: bool, refusal: WaitingReason | None, said: list[tuple[ConditionStatus, str]]
) -> None:
    found = list(exposed_condition.condition_updates(replace(observed(given, pod()), is_exposed=is_exposed), refusal))
    assert [(claim.status, claim.reason) for claim in found] == said
    assert all(claim.type is ConditionType.EXPOSED for claim in found)
