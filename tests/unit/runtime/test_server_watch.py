"""What counts as a bot that waits for its caller."""

from typing import Any

import pytest

from botsession_contract.launch import Launch
from botsession_contract.transports import Transport, TransportType
from botsession_runtime.server_watch import Serving, serving
from botsession_runtime.tcp_sockets import Sockets

COMMAND: dict[str, Any] = {"command": ("python", "server.py")}
LISTENER = Transport(TransportType.WEBSOCKET)
ROOM = Transport(TransportType.DAILY)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        pytest.param({**COMMAND, "expose_port": 80}, Serving(80, takes_loopback=True), id="the port was named"),
        pytest.param({"target": "bot.py", "expose_port": 80}, Serving(80, takes_loopback=True), id="for a target too"),
        pytest.param({"target": "bot.py", "expose_port": 80, "transport": LISTENER}, None, id="our launcher listens"),
        pytest.param({"target": "bot.py", "start_timeout_seconds": 9.0}, None, id="a target's port is not guessed"),
        pytest.param(
            {**COMMAND, "start_timeout_seconds": 9.0}, Serving(None, takes_loopback=False), id="a command's is"
        ),
        pytest.param(
            {**COMMAND, "start_timeout_seconds": 9.0, "control_fd": 7},
            Serving(None, takes_loopback=True),
            id="on this machine callers are too",
        ),
        pytest.param(COMMAND, None, id="an operator that does not tell startTimeout"),
        pytest.param({**COMMAND, "expose_port": 80, "transport": ROOM}, Serving(80, takes_loopback=True), id="a room"),
    ],
)
def test_what_is_looked_for(fields: dict[str, Any], wanted: Serving | None) -> None:
    assert serving(Launch("bots", "support-42", "ab" * 32, **fields)) == wanted


@pytest.mark.parametrize(
    ("wanted", "listening", "ports"),
    [
        pytest.param(Serving(80, takes_loopback=True), {80: False, 8000: True}, {80}, id="the one that was named"),
        pytest.param(Serving(80, takes_loopback=True), {8000: True}, set(), id="and no other"),
        pytest.param(Serving(None, takes_loopback=False), {5678: False}, set(), id="a debugger's is not a caller's"),
        pytest.param(Serving(None, takes_loopback=False), {7860: False}, {7860}, id="the port of Pipecat's servers is"),
        pytest.param(
            Serving(None, takes_loopback=False), {5678: False, 8000: True}, {8000}, id="those that others reach"
        ),
        pytest.param(
            Serving(None, takes_loopback=True), {5678: False}, {5678}, id="any, where all are on this machine"
        ),
        pytest.param(Serving(None, takes_loopback=True), {}, set(), id="none"),
    ],
)
def test_where_a_bot_may_wait(wanted: Serving, listening: dict[int, bool], ports: set[int]) -> None:
    assert wanted.ports(Sockets(listening, frozenset())) == ports
