"""Watches a program that serves callers by itself: it listens, and its pipeline starts when a caller connects.

Pipecat's hook is loaded with the first pipeline, so until then the kernel alone knows that the program waits. What is
found is noted as the same events that the launcher writes where it listens itself: `listening` and `called`.

With `spec.expose` the port is known. Without, each port counts on which a command's processes listen for other
machines. That may be a metrics endpoint of a bot that dials out and loads slowly, so such a guess never ends a session
sooner than `startTimeout` would.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from loguru import logger

from botsession_contract.launch import Launch
from botsession_contract.transports import CALL_PORT, LISTENING
from botsession_runtime import processes
from botsession_runtime.session_state import SessionState
from botsession_runtime.tcp_sockets import Sockets, read_sockets

#: The time between two looks, in seconds. Two looks must agree, so that a probe's short connection does not count.
LOOK_SECONDS: Final = 1.0
#: Other ports that are reported if the bot does not listen on the port that callers use.
MAX_OTHER_PORTS: Final = 3

Note = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class PortFilter:
    """On which ports a program may wait for its caller."""

    #: None: any.
    port: int | None
    #: Whether one counts that only this machine can reach.
    takes_loopback: bool

    def ports(self, sockets: Sockets) -> set[int]:
        """Return the ports on which it may wait; none while it does not listen."""
        return {
            port
            for port, is_reachable in sockets.listening.items()
            # Pipecat's own servers listen on their port for this machine alone unless they are told otherwise.
            if self.port in (None, port) and (is_reachable or self.takes_loopback or port == CALL_PORT)
        }

    def others(self, sockets: Sockets) -> tuple[int, ...]:
        """Return the ports on which it listens beside the one that was named, first those that others reach."""
        ports = sockets.listening if self.port is not None else {}
        found = sorted((not is_reachable, port) for port, is_reachable in ports.items() if port != self.port)
        return tuple(port for _, port in found[:MAX_OTHER_PORTS])


def port_filter_of(launch: Launch) -> PortFilter | None:
    """Return what to look for; None if the bot cannot serve callers, or the launcher reports it."""
    if launch.transport and launch.transport.type in LISTENING:
        return None
    if launch.expose_port is not None:
        return PortFilter(launch.expose_port, takes_loopback=True)
    if launch.command and launch.start_timeout_seconds is not None:
        # Callers of a session that runs on this machine are here too.
        return PortFilter(None, takes_loopback=launch.control_fd is not None)
    return None


async def watch(launch: Launch, state: Callable[[], SessionState], on_event: Note) -> None:
    """Note when the bot listens and when a caller has connected, until the hook is loaded."""
    port_filter = port_filter_of(launch)
    loop = asyncio.get_running_loop()
    # A finding counts once the next look confirms it: the pipeline may start during a look, and the supervisor reads
    # that event only between two looks.
    seen: set[int] = set()
    before: frozenset[tuple[int, str]] = frozenset()
    others_before: tuple[int, ...] = ()
    while port_filter and _may_wait(state()):
        sockets = read_sockets(processes.descendants())
        ports = port_filter.ports(sockets)
        if state().listening_at is None and ports & seen:
            port = min(ports & seen)
            loopback_only = launch.control_fd is None and not sockets.listening[port]
            earliest = _earliest_join_timeout(launch, state())
            on_event(
                {
                    "event": "listening",
                    "at": loop.time(),
                    "port": port,
                    "earliest": earliest,
                    "here_alone": loopback_only,
                }
            )
        others = port_filter.others(sockets)
        if others == others_before != state().other_ports:
            on_event({"event": "elsewhere", "at": loop.time(), "ports": others, "asked": port_filter.port})
            for port in others:
                logger.info("the bot listens on port {}, but callers use port {}", port, port_filter.port)
        callers = frozenset(each for each in sockets.connections if each[0] in ports)
        if state().listening_at is not None and callers & before:
            on_event({"event": "called", "at": loop.time()})
        seen, before, others_before = ports, callers, others
        await asyncio.sleep(LOOK_SECONDS)


def _may_wait(state: SessionState) -> bool:
    is_over = state.exit is not None or state.request is not None
    return not is_over and state.hooked_at is None and state.started_at is None and state.called_at is None


def _earliest_join_timeout(launch: Launch, state: SessionState) -> float | None:
    """Return when the caller of a guessed port may be given up; None where the port was named."""
    if launch.expose_port is not None or launch.start_timeout_seconds is None:
        return None
    return state.began + launch.start_timeout_seconds
