"""Supervisors that send heartbeats, for tests of the poller."""

from dataclasses import dataclass
from typing import Final

from botsession_contract.control import Heartbeats, SessionSnapshot
from botsession_contract.credentials import token_digest
from botsession_contract.heartbeat import heartbeat_id, heartbeat_key, to_datagram
from botsession_contract.lifecycle import BotState
from botsession_operator.core.session_key import Key
from tests.builders import KEY, snapshot
from tests.polling import token_of

INTERVAL: Final = 30.0
#: The key of no session.
OTHER_KEY: Final = heartbeat_key("ab" * 32)


@dataclass
class Beating:
    """A supervisor that sends heartbeats."""

    key: Key = KEY
    sent: int = 1
    revision: int = 1
    interval: float = INTERVAL
    state: BotState = BotState.RUNNING

    def answer(self) -> SessionSnapshot:
        """Return what it answers now."""
        return snapshot(self.state, heartbeats=Heartbeats(self.interval, self.sent, self.revision))

    def beat(self, mac_key: bytes | None = None) -> bytes:
        """Return its next heartbeat."""
        self.sent += 1
        digest = token_digest(token_of(self.key))
        return to_datagram(heartbeat_id(digest), self.sent, self.revision, mac_key or heartbeat_key(digest))
