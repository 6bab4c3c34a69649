"""Sends heartbeats, so that the operator need not ask a session that goes on without news.

A heartbeat is one UDP datagram without an answer. If it is lost, or cannot be sent, the operator asks the supervisor.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from botsession_contract.control import Heartbeats, SessionSnapshot
from botsession_contract.conversation import Conversation
from botsession_contract.heartbeat import heartbeat_id, heartbeat_key, to_datagram
from botsession_contract.launch import HeartbeatTarget, Launch

#: For how many heartbeats an address is kept. The Service of an operator keeps its address, and looking it up each time
#: would be most of the work that a cluster's DNS has with a heartbeat.
HEARTBEATS_PER_LOOKUP: Final = 20
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


class HeartbeatSender:
    """Sends a heartbeat at an interval, and numbers what there is to know of the session."""

    def __init__(
        self,
        launch: Launch,
        target: HeartbeatTarget,
        content: Callable[[], SessionSnapshot],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._host, _, self._port = target.address.rpartition(":")
        self._seconds = target.interval_seconds
        self._session = heartbeat_id(launch.token_sha256)
        self._key = heartbeat_key(launch.token_sha256)
        self._content = content
        self._jitter = jitter
        self._address: tuple[socket.AddressFamily, Any] | None = None
        self._sent = 0
        self._revision = 0
        self._last: SessionSnapshot | None = None

    def state(self, content: SessionSnapshot) -> Heartbeats:
        """Return what a snapshot with this content says of the heartbeats."""
        return Heartbeats(self._seconds, self._sent, self._number(content))

    async def run(self) -> None:
        """Send heartbeats until cancelled, beginning at a random time, so that those of many sessions spread."""
        await asyncio.sleep(self._seconds * self._jitter())
        while True:
            # A bot may have taken all threads or descriptors of the pod, and a cluster's DNS may not answer.
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                await self.send()
            await asyncio.sleep(self._seconds)

    async def send(self) -> None:
        """Send one heartbeat; raise OSError, RuntimeError or ValueError where that is not possible."""
        family, address = await self._receiver()
        datagram = to_datagram(self._session, self._sent + 1, self._number(self._content()), self._key)
        # Each has a socket of its own. From a new port, it goes to the operator that leads now. Datagrams from one port
        # may all go to an operator that has gone.
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0)
            sender.sendto(datagram, address)
        self._sent += 1

    async def _receiver(self) -> tuple[socket.AddressFamily, Any]:
        """Return where to send to. While the cluster's DNS does not answer, the last address stays."""
        if self._address and self._sent % HEARTBEATS_PER_LOOKUP:
            return self._address
        try:
            self._address = await self._look_up()
        except OSError:
            if self._address is None:
                raise
        return self._address

    async def _look_up(self) -> tuple[socket.AddressFamily, Any]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host.strip("[]"), int(self._port), type=socket.SOCK_DGRAM)
        family, _, _, _, address = found[0]
        return family, address

    def _number(self, content: SessionSnapshot) -> int:
        """Return the revision of a content: the next one where it differs in more than the clock and counts."""
        significant = _without_counts(content)
        if significant != self._last:
            self._last, self._revision = significant, self._revision + 1
        return self._revision


def _without_counts(content: SessionSnapshot) -> SessionSnapshot:
    """Return a content without what changes all the time, and is written to the status only with something else."""
    conversation = content.conversation
    return replace(content, now=_NO_TIME, conversation=_kinds_of_errors(conversation) if conversation else None)


def _kinds_of_errors(conversation: Conversation) -> Conversation:
    errors = tuple(replace(each, count=0, last_message=None) for each in conversation.errors)
    return replace(conversation, bot_turns=0, caller_turns=0, errors=errors)
