"""What an operator knows of ports on nodes, and what a pass makes of it."""

import json
from dataclasses import replace
from typing import Final

from botsession_contract.launch import LAUNCH_ENV
from botsession_operator.core.decide.host_network import NodePorts
from botsession_operator.core.observe.observed import Key, PodState
from botsession_operator.host_ports import HostPorts
from tests.builders import KEY, pod, raw_spec, session
from tests.fakes import World
from tests.manifests import Json
from tests.unit.operator.lives import begin

HOST: Final[Json] = {"podTemplate": {"spec": {"hostNetwork": True}}}
TWO: Final = range(20000, 20002)
OTHER: Final = replace(session(**HOST), key=Key("bots", "other"), uid="another")


def control(given: NodePorts | None) -> int:
    assert given is not None
    return given.control


def test_no_two_sessions_are_given_one_port() -> None:
    ports = HostPorts(TWO)
    assert {control(ports.choose(session(**HOST))), control(ports.choose(OTHER))} == set(TWO)


def test_callers_by_a_service_have_a_port_of_their_own_where_the_spec_names_none() -> None:
    listens = {"bot": {**raw_spec()["bot"], "transport": {"type": "smallwebrtc"}}, **HOST}
    ports = HostPorts(range(20000, 20004))
    mine = ports.choose(session(**listens, expose={"port": 7860}))
    other = ports.choose(replace(session(**listens, expose={"port": 7860}), key=Key("bots", "other"), uid="another"))
    assert mine is not None
    assert other is not None
    assert {mine.control, mine.call, other.control, other.call} == set(ports.ports)
    exposures: tuple[Json, ...] = ({}, {"expose": {"port": 7861}})
    for spec in exposures:
        named = HostPorts().choose(session(**listens, **spec))
        assert named is not None
        assert named.call is None


def test_nothing_is_given_where_there_are_no_nodes() -> None:
    assert HostPorts(range(0)).choose(session(**HOST)) is None


def test_session_keeps_its_port_when_its_pod_is_tried_again() -> None:
    ports = HostPorts()
    assert ports.choose(session(**HOST)) == ports.choose(session(**HOST))


def test_pod_with_its_own_network_needs_none() -> None:
    assert HostPorts().choose(session()) is None


def test_port_of_a_pod_that_an_earlier_operator_made_is_known() -> None:
    first = control(HostPorts(TWO).choose(OTHER))
    ports = HostPorts(TWO)
    ports.note(KEY, pod(host_port=first))
    assert control(ports.choose(OTHER)) != first


def test_port_is_free_when_its_pod_is_over_or_its_session_gone() -> None:
    taken = control(HostPorts(TWO).choose(OTHER))
    over, gone = HostPorts(TWO), HostPorts(TWO)
    for ports in (over, gone):
        ports.note(KEY, pod(host_port=taken))
    over.note(KEY, pod(PodState.TERMINATED, host_port=taken))
    gone.forget(KEY)
    assert (control(over.choose(OTHER)), control(gone.choose(OTHER))) == (taken, taken)


async def test_pass_makes_a_pod_with_a_port_of_its_own(world: World) -> None:
    await begin(world, **HOST)
    (bot,) = world.stored_pod["spec"]["containers"]
    (launch,) = (json.loads(each["value"]) for each in bot["env"] if each["name"] == LAUNCH_ENV)
    (port,) = bot["ports"]
    assert port["containerPort"] == launch["controlPort"]
    assert launch["controlPort"] in HostPorts().ports
    assert launch["hostNetwork"] is True
