"""A control endpoint over a session that does as it is told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_contract.lifecycle import BotState
from botsession_runtime.control import WrongStateError

TOKEN = "the token"
NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@dataclass
class FakeSession:
    """Notes what it is asked."""

    is_ready: bool = True
    refusal: str = ""
    ends: list[EndRequest] = field(default_factory=list)
    patches: list[SessionPatch] = field(default_factory=list)

    def snapshot(self) -> SessionSnapshot:
        return SessionSnapshot(BotState.ENDING if self.ends else BotState.RUNNING, NOW)

    def end(self, request: EndRequest) -> None:
        self._refuse()
        self.ends.append(request)

    def adjust(self, patch: SessionPatch) -> None:
        self._refuse()
        self.patches.append(patch)

    def _refuse(self) -> None:
        if self.refusal:
            raise WrongStateError(self.refusal)
