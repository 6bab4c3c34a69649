"""What an operator knows of ports on nodes, and what a pass makes of it."""

import json
from dataclasses import replace
from typing import Final

from botsession_contract.launch import LAUNCH_ENV
from botsession_operator.core.observe import Key, PodState
from botsession_operator.host_ports import HostPorts
from tests.builders import KEY, pod, session
from tests.fakes import World
from tests.manifests import Json
from tests.unit.operator.lives import begin

HOST: Final[Json] = {"podTemplate": {"spec": {"hostNetwork": True}}}
TWO: Final = range(20000, 20002)
OTHER: Final = replace(session(**HOST), key=Key("bots", "other"), uid="another")


def test_no_two_sessions_are_given_one_port() -> None:
    ports = HostPorts(TWO)
    assert {ports.choose(session(**HOST)), ports.choose(OTHER)} == set(TWO)


def test_session_keeps_its_port_when_its_pod_is_tried_again() -> None:
    ports = HostPorts()
    assert ports.choose(session(**HOST)) == ports.choose(session(**HOST))


def test_pod_with_its_own_network_needs_none() -> None:
    assert HostPorts().choose(session()) is None


def test_port_of_a_pod_that_an_earlier_operator_made_is_known() -> None:
    first = HostPorts(TWO).choose(OTHER)
    ports = HostPorts(TWO)
    ports.note(KEY, pod(host_port=first))
    assert ports.choose(OTHER) != first


def test_port_is_free_when_its_pod_is_over_or_its_session_gone() -> None:
    taken = HostPorts(TWO).choose(OTHER)
    over, gone = HostPorts(TWO), HostPorts(TWO)
    for ports in (over, gone):
        ports.note(KEY, pod(host_port=taken))
    over.note(KEY, pod(PodState.TERMINATED, host_port=taken))
    gone.forget(KEY)
    assert (over.choose(OTHER), gone.choose(OTHER)) == (taken, taken)


async def test_pass_makes_a_pod_with_a_port_of_its_own(world: World) -> None:
    await begin(world, **HOST)
    (bot,) = world.stored_pod["spec"]["containers"]
    (launch,) = (json.loads(each["value"]) for each in bot["env"] if each["name"] == LAUNCH_ENV)
    (control,) = bot["ports"]
    assert control["containerPort"] == launch["controlPort"]
    assert launch["controlPort"] in HostPorts().ports
    assert launch["hostNetwork"] is True
