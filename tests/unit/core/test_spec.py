"""The spec of a BotSession, parsed."""

from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Mode
from botsession_contract.transports import IceServer, Transport, TransportType
from botsession_operator.api.spec import CompactJson, EndNow, Idle, PodTemplate, RuntimeSource, SpecError, parse_spec
from tests.builders import raw_spec


def test_a_spec_as_the_crd_defaults_it() -> None:
    spec = parse_spec(raw_spec())

    assert (spec.bot.target, spec.bot.command, spec.bot.runtime) == ("bot.py", (), RuntimeSource.INJECTED)
    assert (spec.max_session_duration, spec.start_timeout) == (timedelta(minutes=30), timedelta(minutes=2))
    assert (spec.shutdown.mode, spec.shutdown.grace_period) == (Mode.GRACEFUL, timedelta(seconds=30))
    assert (spec.join_timeout, spec.idle_timeout) == (timedelta(minutes=1), None)
    assert spec.idle == Idle((), None)
    assert spec.end is EndNow.NO
    assert spec.pod_template == PodTemplate({}, {}, CompactJson("{}"))


def test_a_pod_template() -> None:
    template = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": {"hostNetwork": True}}

    assert parse_spec(raw_spec(podTemplate=template)).pod_template == PodTemplate(
        {"a": "b"}, {"c": "d"}, CompactJson.of({"hostNetwork": True})
    )


def test_a_transport_and_its_secrets_go_apart() -> None:
    token = {"secretKeyRef": {"name": "rooms", "key": "token"}}
    room = {"type": "livekit", "url": "wss://rooms.example.com", "roomName": "support-42", "token": token}
    transport = parse_spec(raw_spec(bot={**raw_spec()["bot"], "transport": room})).bot.transport

    assert transport
    assert transport.launch == Transport(TransportType.LIVEKIT, room_name="support-42", url="wss://rooms.example.com")
    assert transport.secrets == ({"name": "BOTSESSION_TOKEN", "valueFrom": token},)


def test_credentials_of_ice_servers_are_told_apart_by_their_place() -> None:
    credential = {"secretKeyRef": {"name": "turn", "key": "password"}}
    servers = [{"urls": ["stun:a"]}, {"urls": ["turn:b"], "username": "bot", "credential": credential}]
    webrtc = {"type": "smallwebrtc", "iceServers": servers}
    transport = parse_spec(raw_spec(bot={**raw_spec()["bot"], "transport": webrtc})).bot.transport

    assert transport
    assert transport.launch.ice_servers == (IceServer(("stun:a",)), IceServer(("turn:b",), "bot"))
    assert transport.secrets == ({"name": "BOTSESSION_ICE_CREDENTIAL_1", "valueFrom": credential},)


def test_no_transport_is_the_bots_own() -> None:
    assert parse_spec(raw_spec()).bot.transport is None
    assert parse_spec(raw_spec(bot={**raw_spec()["bot"], "transport": {"type": "none"}})).bot.transport is None


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"startTimeout": "soon"}, "'soon' is not a duration"),
        ({"end": "Later"}, "'Later' is not a valid EndNow"),
        ({"bot": {}}, "'image' is missing"),
        ({"bot": None}, "not subscriptable"),
    ],
)
def test_a_spec_that_does_not_fit_is_told_to_its_user(changes: dict[str, object], detail: str) -> None:
    with pytest.raises(SpecError, match=f"does not fit the BotSession v1alpha1 that this operator knows: .*{detail}"):
        parse_spec(raw_spec(**changes))
