"""Which port a supervisor has on a node whose network its pod has, and where the operator asks."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.control import CONTROL_PORT
from botsession_operator.api.spec import Json
from botsession_operator.core.decide.host_network import CONTROL_PORTS, choose_port, port_of
from botsession_operator.core.observe.parse import host_port
from tests.builders import pod, spec

HOST: Final = {"podTemplate": {"spec": {"hostNetwork": True}}}
FEW: Final = range(20000, 20003)


def on_node(port: Any = 20042, *, name: str = "control", container: str = "bot", host: object = True) -> Json:
    ports = [{"name": "call", "containerPort": 7860}, {"name": name, "containerPort": port}]
    return {"hostNetwork": host, "containers": [{"name": "side"}, {"name": container, "ports": ports}]}


@given(st.text(), st.frozensets(st.sampled_from(FEW)))
def test_port_is_one_of_the_range_that_nobody_has_as_long_as_there_is_one(uid: str, taken: frozenset[int]) -> None:
    port = choose_port(uid, spec(**HOST), FEW, taken)
    assert port in FEW
    assert port not in taken or taken == frozenset(FEW)


def test_port_follows_from_the_session_so_that_two_operators_choose_one() -> None:
    assert choose_port("a", spec(**HOST), CONTROL_PORTS, ()) == choose_port("a", spec(**HOST), CONTROL_PORTS, ())


def test_ports_of_many_sessions_are_spread() -> None:
    ports = {choose_port(f"session-{number}", spec(**HOST), CONTROL_PORTS, ()) for number in range(100)}
    assert len(ports) > 90


@pytest.mark.parametrize(
    "changes",
    [
        {"expose": {"port": 20001}},
        {"podTemplate": {"spec": {"containers": [{"name": "side", "ports": [{"containerPort": 20001}]}]}}},
        {"podTemplate": {"spec": {"containers": [{"name": "bot", "ports": [{"hostPort": 20001}]}]}}},
        {"podTemplate": {"spec": {"initContainers": [{"name": "side", "ports": [{"containerPort": 20001}]}]}}},
    ],
)
def test_port_is_none_that_the_session_declares(changes: Json) -> None:
    assert {choose_port(str(uid), spec(**changes), FEW, ()) for uid in range(50)} == {20000, 20002}


@pytest.mark.parametrize(
    ("pod_spec", "port"),
    [
        pytest.param(on_node(), 20042, id="as the operator wrote it"),
        pytest.param(on_node(host=False), None, id="a pod with its own network"),
        pytest.param(on_node(host="true"), None, id="no word of Kubernetes"),
        pytest.param(on_node(name="other"), None, id="a port of another name"),
        pytest.param(on_node(container="side"), None, id="a port of another container"),
        pytest.param(on_node("20042"), None, id="a text"),
        pytest.param(on_node(True), None, id="a truth"),
        pytest.param(on_node(65536), None, id="no port"),
        pytest.param({"hostNetwork": True, "containers": 7}, None, id="no containers"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_port_is_read_from_the_spec_alone(pod_spec: Json, port: int | None) -> None:
    assert host_port(pod_spec) == port


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        pytest.param(20042, 20042, id="within the range"),
        pytest.param(None, CONTROL_PORT, id="a pod with its own network"),
        pytest.param(22, CONTROL_PORT, id="a port of the node's own programs"),
        pytest.param(10250, CONTROL_PORT, id="the kubelet's"),
        pytest.param(30000, CONTROL_PORT, id="beyond the range"),
    ],
)
def test_operator_asks_on_no_port_of_a_node_but_its_own(found: int | None, asked: int) -> None:
    assert port_of(pod(host_port=found), CONTROL_PORTS) == asked
