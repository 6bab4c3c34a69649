"""Build the pod of a session."""

import json
import re
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.json_codec import Unknown, decode
from botsession_contract.launch import LAUNCH_ENV, HeartbeatTarget, Launch
from botsession_contract.lifecycle import Mode
from botsession_contract.session_limits import IdlePrompt, SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown
from botsession_contract.transports import TelephonyProvider, Transport, TransportType
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.decide.host_network import NodePorts
from botsession_operator.core.manifests.pod import (
    RUNTIME_VOLUME,
    Injection,
    PodSettings,
    build_pod,
    termination_grace_seconds,
)
from botsession_operator.core.names import pod_name
from tests.builders import KEY, UID, raw_spec, session, spec

MOUNTED: Final = PodSettings("registry.example/runtime:1", Injection.IMAGE_VOLUME, "http://operator:8475")
COPIED: Final = PodSettings("registry.example/runtime:1", Injection.INIT_CONTAINER)
BUNDLED: Final = {**raw_spec()["bot"], "runtime": "Bundled"}


def build(settings: PodSettings = MOUNTED, **changes: Any) -> Json:
    return build_pod(session(**changes), "digest", settings)


def bot(pod: Json) -> Json:
    (container,) = (each for each in pod["spec"]["containers"] if each["name"] == "bot")
    return dict(container)


def launch(pod: Json) -> Launch:
    (value,) = (each["value"] for each in bot(pod)["env"] if each["name"] == LAUNCH_ENV)
    return decode(Launch, json.loads(value), unknown=Unknown.REFUSE)


def test_the_pod_belongs_to_its_session() -> None:
    metadata = build()["metadata"]

    assert (metadata["namespace"], metadata["name"]) == (KEY.namespace, pod_name(KEY.name, UID))
    assert metadata["labels"]["botsession.dev/session"] == KEY.name
    assert metadata["finalizers"] == ["botsession.dev/report"]
    assert metadata["ownerReferences"][0]["uid"] == UID


def test_the_supervisor_is_told_what_to_run() -> None:
    to_contract = launch(build(bot={**raw_spec()["bot"], "body": {"caller": "x"}}))

    assert (to_contract.target, to_contract.body, to_contract.token_sha256) == ("bot.py", {"caller": "x"}, "digest")
    assert to_contract.poke_url == "http://operator:8475/v1/poke/bots/support-42"


ROOM: Final = {
    "type": "daily",
    "roomUrl": "https://example.daily.co/support-42",
    "token": {"secretKeyRef": {"name": "daily", "key": "token"}},
}
LISTENING: Final = {"type": "websocket", "provider": "twilio"}


def test_the_supervisor_is_told_where_the_bot_may_listen_and_how_long_its_start_may_take() -> None:
    to_contract = launch(build(expose={"port": 8080}, startTimeout="90s"))
    assert (to_contract.expose_port, to_contract.start_timeout_seconds) == (8080, 90.0)
    assert launch(build()).expose_port is None


def test_a_pod_on_its_nodes_network_has_a_control_port_of_its_own() -> None:
    on_node = session(podTemplate={"spec": {"hostNetwork": True}}, expose={"port": 8080})
    pod = build_pod(on_node, "digest", MOUNTED, node_ports=NodePorts(20042))
    ports = {each["name"]: each["containerPort"] for each in bot(pod)["ports"]}
    assert (ports, launch(pod).control_port, launch(pod).host_network) == (
        {"control": 20042, "call": 8080},
        20042,
        True,
    )
    assert bot(pod)["livenessProbe"]["httpGet"]["port"] == "control"


def test_the_scheduler_knows_of_each_port_that_is_taken_on_a_node() -> None:
    listens = {**raw_spec()["bot"], "transport": {"type": "websocket"}}
    on_node = session(bot=listens, podTemplate={"spec": {"hostNetwork": True}})
    ports = bot(build_pod(on_node, "digest", MOUNTED, node_ports=NodePorts(20042)))["ports"]
    assert [each["containerPort"] for each in ports] == [20042, 7860]
    assert [each["containerPort"] for each in bot(build(bot=listens))["ports"]] == [8474]


def test_a_bot_listens_on_the_port_of_its_node_that_it_is_given() -> None:
    listens = {**raw_spec()["bot"], "transport": {"type": "websocket"}}
    on_node = session(bot=listens, expose={"port": 7860}, podTemplate={"spec": {"hostNetwork": True}})
    pod = build_pod(on_node, "digest", MOUNTED, node_ports=NodePorts(20042, 20043))
    transport = launch(pod).transport
    assert transport is not None
    assert transport.port == 20043
    assert [each["containerPort"] for each in bot(pod)["ports"]] == [20042, 20043]


def test_a_token_travels_as_a_secret_and_not_in_the_launch() -> None:
    pod = build(bot={**raw_spec()["bot"], "transport": ROOM})

    assert {"name": "BOTSESSION_TOKEN", "valueFrom": ROOM["token"]} in bot(pod)["env"]
    assert launch(pod).secret_env == ("BOTSESSION_TOKEN",)
    assert launch(pod).transport == Transport(TransportType.DAILY, room_url=str(ROOM["roomUrl"]))


@pytest.mark.parametrize(("expose", "port"), [({}, 7860), ({"expose": {"port": 80}}, 80)])
def test_a_bot_listens_where_it_is_exposed(expose: Json, port: int) -> None:
    to_contract = launch(build(bot={**raw_spec()["bot"], "transport": LISTENING}, **expose)).transport

    assert to_contract == Transport(TransportType.WEBSOCKET, provider=TelephonyProvider.TWILIO, port=port)


def test_a_bot_that_is_exposed_knows_its_address() -> None:
    pod = build_pod(session(expose={"port": 80}), "digest", MOUNTED, "http://here")

    assert {"name": "BOTSESSION_URL", "value": "http://here"} in bot(pod)["env"]
    assert {"name": "call", "containerPort": 80} in bot(pod)["ports"]


def test_the_supervisor_is_told_which_variables_are_secret() -> None:
    from_secret = {"name": "SIP", "valueFrom": {"secretKeyRef": {"name": "sip", "key": "trunk"}}}
    from_pod = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    env = [from_secret, from_pod, {"name": "VOICE", "value": "alloy"}]

    to_contract = launch(build(bot={**raw_spec()["bot"], "env": env}))
    assert (to_contract.secret_env, to_contract.open_env) == (("SIP",), None)


def test_the_supervisor_is_told_what_is_in_the_open_where_a_whole_secret_is_not() -> None:
    env = [{"name": "VOICE", "value": "alloy"}, {"name": "DSN", "value": "db://$(DB_USER)@db"}]
    sources = [{"configMapRef": {"name": "plain"}}, {"secretRef": {"name": "keys"}, "prefix": "DB_"}]
    to_contract = launch(build(bot={**raw_spec()["bot"], "env": env, "envFrom": sources}))
    assert (to_contract.secret_env, to_contract.open_env) == (("DSN",), ("VOICE",))


def test_the_supervisor_is_told_how_to_end() -> None:
    shutdown = {"mode": "Immediate", "gracePeriod": "5s", "cancelPeriod": "3s", "farewell": "Bye"}
    to_contract = launch(build(maxSessionDuration="10m", shutdown=shutdown))

    assert (to_contract.max_duration_seconds, to_contract.termination_grace_seconds) == (600, 13)
    assert (to_contract.shutdown.mode, to_contract.shutdown.farewell) == (Mode.IMMEDIATE, "Bye")
    assert (to_contract.shutdown.grace_period_seconds, to_contract.shutdown.cancel_period_seconds) == (5, 3)


def test_the_supervisor_is_told_the_limits_that_it_strikes() -> None:
    idle = {"frames": ["UserSpeakingFrame"], "prompt": {"after": "4m", "text": "Still there?"}}
    to_contract = launch(build(joinTimeout="90s", idleTimeout="5m", idle=idle))

    assert to_contract.limits == SessionLimits(90.0, 300.0, ("UserSpeakingFrame",), IdlePrompt(240.0, "Still there?"))


def test_an_idle_timeout_that_is_absent_is_the_bots_own_and_zero_is_off() -> None:
    absent, off = launch(build()).limits, launch(build(idleTimeout="0s")).limits

    assert (absent.idle_timeout_seconds, off.idle_timeout_seconds) == (None, 0)


def test_the_supervisor_is_told_how_to_end_by_itself() -> None:
    overrides = {"evicted": {"gracePeriod": "1m"}, "deleted": {"mode": "Immediate"}}
    to_contract = launch(build(shutdown={"farewell": "Bye", "overrides": overrides}))

    assert to_contract.overrides == Overrides(evicted=Shutdown(Mode.GRACEFUL, 60, 10, "Bye"))
    assert to_contract.termination_grace_seconds == 75


def test_without_an_address_there_are_no_pokes() -> None:
    assert launch(build(COPIED)).poke_url is None


def test_the_supervisor_is_told_where_heartbeats_go() -> None:
    listening = replace(COPIED, heartbeat_address="operator:8476")

    assert launch(build(listening)).heartbeat == HeartbeatTarget("operator:8476")
    assert launch(build(COPIED)).heartbeat is None


def test_a_command_is_run_as_it_is() -> None:
    command = {**raw_spec()["bot"], "command": ["python", "-m", "mybot"]}
    del command["target"]

    assert launch(build(bot=command)).command == ("python", "-m", "mybot")


def test_a_drained_node_leaves_time_for_the_whole_ladder() -> None:
    pod = build(shutdown={"gracePeriod": "1m", "cancelPeriod": "10s"})

    assert pod["spec"]["terminationGracePeriodSeconds"] == 75


def test_a_drained_node_leaves_time_for_the_longest_ladder() -> None:
    pod = build(shutdown={"overrides": {"maxDuration": {"gracePeriod": "2m", "cancelPeriod": "5.5s"}}})

    assert pod["spec"]["terminationGracePeriodSeconds"] == 131


def test_the_kubelet_is_the_last_line() -> None:
    assert build()["spec"]["activeDeadlineSeconds"] == 26 * 3600
    assert bot(build())["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_a_pod_runs_once() -> None:
    assert build()["spec"]["restartPolicy"] == "Never"


def test_the_runtime_is_mounted_from_its_image() -> None:
    pod = build(MOUNTED)

    assert pod["spec"]["volumes"][0]["image"]["reference"] == "registry.example/runtime:1"
    assert bot(pod)["volumeMounts"][0]["name"] == RUNTIME_VOLUME
    assert "initContainers" not in pod["spec"]


def test_the_runtime_is_copied_where_images_cannot_be_mounted() -> None:
    pod = build(COPIED)

    assert [each["image"] for each in pod["spec"]["initContainers"]] == ["registry.example/runtime:1"]
    assert pod["spec"]["volumes"] == [{"name": RUNTIME_VOLUME, "emptyDir": {}}]


def test_a_bundled_runtime_adds_nothing() -> None:
    pod = build(bot=BUNDLED)

    assert "volumes" not in pod["spec"]
    assert bot(pod)["command"] == ["python3", "-P", "-m", "botsession_runtime"]


def test_the_template_is_laid_over_the_pod() -> None:
    mount = {"name": "models", "mountPath": "/models"}
    containers = [{"name": "bot", "volumeMounts": [mount]}, {"name": "side", "image": "side:1"}]
    template = {"metadata": {"labels": {"team": "a"}}, "spec": {"containers": containers, "nodeSelector": {"gpu": "y"}}}

    pod = build(podTemplate=template)

    assert [each["name"] for each in bot(pod)["volumeMounts"]] == [RUNTIME_VOLUME, "models"]
    assert [each["name"] for each in pod["spec"]["containers"]] == ["bot", "side"]
    assert pod["metadata"]["labels"]["team"] == "a"
    assert pod["spec"]["nodeSelector"] == {"gpu": "y"}


def test_the_template_cannot_take_what_is_the_operators() -> None:
    labels = {"botsession.dev/session": "another"}

    with pytest.raises(SpecError, match="belong to the operator"):
        build(podTemplate={"metadata": {"labels": labels}})


def test_what_no_process_could_be_given_is_refused() -> None:
    with pytest.raises(SpecError, match=r"spec\.bot\.body and spec\.bot\.command may take \d+ KiB together as JSON"):
        build(bot={**raw_spec()["bot"], "body": "x" * 128 * 1024})


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?", fullmatch=True), st.uuids())
def test_a_pods_name_fits_a_label(name: str, uid: object) -> None:
    made = pod_name(name, str(uid))

    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", made)


def test_a_session_of_the_same_name_gets_another_pod() -> None:
    assert pod_name("a", "uid-1") != pod_name("a", "uid-2")


def test_periods_below_a_second_still_leave_slack() -> None:
    assert termination_grace_seconds(spec(shutdown={"gracePeriod": "0s", "cancelPeriod": "1s"})) == 6
