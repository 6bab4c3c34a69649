"""What counts as a bot that waits for its caller."""

from typing import Any, Final

import pytest

from botsession_contract.launch import Launch
from botsession_contract.transports import Transport, TransportType
from botsession_runtime import server_watch
from botsession_runtime.reducers import apply_event
from botsession_runtime.server_watch import PortFilter, port_filter_of
from botsession_runtime.session_state import SessionState
from botsession_runtime.tcp_sockets import Sockets

COMMAND: dict[str, Any] = {"command": ("python", "server.py")}
LISTENER = Transport(TransportType.WEBSOCKET)
ROOM = Transport(TransportType.DAILY)


@pytest.mark.parametrize(
    ("fields", "port_filter"),
    [
        pytest.param({**COMMAND, "expose_port": 80}, PortFilter(80, takes_loopback=True), id="the port was named"),
        pytest.param(
            {"target": "bot.py", "expose_port": 80}, PortFilter(80, takes_loopback=True), id="for a target too"
        ),
        pytest.param({"target": "bot.py", "expose_port": 80, "transport": LISTENER}, None, id="our launcher listens"),
        pytest.param({"target": "bot.py", "start_timeout_seconds": 9.0}, None, id="a target's port is not guessed"),
        pytest.param(
            {**COMMAND, "start_timeout_seconds": 9.0}, PortFilter(None, takes_loopback=False), id="a command's is"
        ),
        pytest.param(
            {**COMMAND, "start_timeout_seconds": 9.0, "control_fd": 7},
            PortFilter(None, takes_loopback=True),
            id="on this machine callers are too",
        ),
        pytest.param(COMMAND, None, id="an operator that does not tell startTimeout"),
        pytest.param(
            {**COMMAND, "expose_port": 80, "transport": ROOM}, PortFilter(80, takes_loopback=True), id="a room"
        ),
    ],
)
def test_what_is_looked_for(fields: dict[str, Any], port_filter: PortFilter | None) -> None:
    assert port_filter_of(Launch("bots", "support-42", "ab" * 32, **fields)) == port_filter


@pytest.mark.parametrize(
    ("port_filter", "listening", "ports"),
    [
        pytest.param(PortFilter(80, takes_loopback=True), {80: False, 8000: True}, {80}, id="the one that was named"),
        pytest.param(PortFilter(80, takes_loopback=True), {8000: True}, set(), id="and no other"),
        pytest.param(PortFilter(None, takes_loopback=False), {5678: False}, set(), id="a debugger's is not a caller's"),
        pytest.param(
            PortFilter(None, takes_loopback=False), {7860: False}, {7860}, id="the port of Pipecat's servers is"
        ),
        pytest.param(
            PortFilter(None, takes_loopback=False), {5678: False, 8000: True}, {8000}, id="those that others reach"
        ),
        pytest.param(
            PortFilter(None, takes_loopback=True), {5678: False}, {5678}, id="any, where all are on this machine"
        ),
        pytest.param(PortFilter(None, takes_loopback=True), {}, set(), id="none"),
    ],
)
def test_where_a_bot_may_wait(port_filter: PortFilter, listening: dict[int, bool], ports: set[int]) -> None:
    assert port_filter.ports(Sockets(listening, frozenset())) == ports


LISTENS: Final = Sockets({80: True}, frozenset())
CALLED: Final = Sockets({80: True}, frozenset({(80, "0100007F:D431")}))
ELSEWHERE: Final = Sockets({8000: True}, frozenset())
NOTHING: Final = Sockets({}, frozenset())
EXPOSED: Final = Launch("bots", "support-42", "ab" * 32, expose_port=80, **COMMAND)


async def noted(monkeypatch: pytest.MonkeyPatch, launch: Launch, looks: list[Sockets], end: SessionState) -> list[str]:
    """Return what is noted of these looks; after the last look the state is the one that ends the watch."""
    state, events = SessionState(began=0.0), list[str]()
    left = iter(looks)

    def look(_: object) -> Sockets:
        nonlocal state
        found = next(left, None)
        if found is None:
            state = end
        return found or NOTHING

    def on_event(event: dict[str, Any]) -> None:
        nonlocal state
        events.append(event["event"])
        state = apply_event(state, event)

    monkeypatch.setattr(server_watch, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(server_watch, "read_sockets", look)
    await server_watch.watch(launch, lambda: state, on_event)
    return events


@pytest.mark.parametrize(
    ("looks", "events"),
    [
        pytest.param([LISTENS, LISTENS], ["listening"], id="two looks have seen it listen"),
        pytest.param([LISTENS, NOTHING], [], id="one has, and the pipeline may have started meanwhile"),
        pytest.param([NOTHING, LISTENS, NOTHING, LISTENS], [], id="now and then"),
        pytest.param([LISTENS, LISTENS, CALLED, LISTENS], ["listening"], id="a probe is no caller"),
        pytest.param([LISTENS, LISTENS, CALLED, CALLED], ["listening", "called"], id="who stays is"),
    ],
)
async def test_what_two_looks_see_counts(
    monkeypatch: pytest.MonkeyPatch, looks: list[Sockets], events: list[str]
) -> None:
    assert await noted(monkeypatch, EXPOSED, looks, SessionState(began=0.0, hooked_at=9.0)) == events


@pytest.mark.parametrize(
    ("port_filter", "listening", "ports"),
    [
        pytest.param(PortFilter(80, takes_loopback=True), {80: True}, (), id="the one that was named"),
        pytest.param(
            PortFilter(80, takes_loopback=True), {7: False, 80: True, 8000: True, 90: True}, (90, 8000, 7), id="others"
        ),
        pytest.param(PortFilter(None, takes_loopback=True), {8000: True}, (), id="where none was named"),
    ],
)
def test_where_a_bot_listens_beside_the_port_that_was_named(
    port_filter: PortFilter, listening: dict[int, bool], ports: tuple[int, ...]
) -> None:
    assert port_filter.others(Sockets(listening, frozenset())) == ports


@pytest.mark.parametrize(
    ("looks", "events"),
    [
        pytest.param([ELSEWHERE, ELSEWHERE, ELSEWHERE], ["elsewhere"], id="told once"),
        pytest.param([ELSEWHERE, NOTHING, ELSEWHERE], [], id="not what one look has seen"),
        pytest.param(
            [ELSEWHERE, ELSEWHERE, LISTENS, LISTENS], ["elsewhere", "listening", "elsewhere"], id="not for ever"
        ),
    ],
)
async def test_server_on_another_port_is_told_of(
    monkeypatch: pytest.MonkeyPatch, looks: list[Sockets], events: list[str]
) -> None:
    assert await noted(monkeypatch, EXPOSED, looks, SessionState(began=0.0, hooked_at=9.0)) == events


async def test_nothing_is_looked_for_where_the_launcher_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    launch = Launch("bots", "support-42", "ab" * 32, target="bot.py", transport=LISTENER)
    assert await noted(monkeypatch, launch, [LISTENS, LISTENS], SessionState(began=0.0, hooked_at=9.0)) == []
