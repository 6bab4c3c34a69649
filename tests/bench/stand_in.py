"""Answers for the supervisors of many pods that do not exist: each token that it is asked with is a session that runs.

    nsenter --target PID --net python -m tests.bench.stand_in ENDS

It is as cheap as an answer can be, since it shares its processors with what is measured: no framework, and one JSON
document. It believes each token. It appends each session that was asked to end to the file ENDS, as a line of JSON. It
sends heartbeats as real supervisors do, to the operator that asked last.
"""

import asyncio
import json
import random
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from botsession_contract.control import CONTROL_PORT, EndRequest, Heartbeats, SessionPatch, SessionSnapshot
from botsession_contract.credentials import token_digest
from botsession_contract.heartbeat import HEARTBEAT_PORT, heartbeat_id, heartbeat_key, to_datagram
from botsession_contract.json_codec import decode, encode
from botsession_contract.launch import HeartbeatTarget
from botsession_contract.lifecycle import BotState, Step
from botsession_contract.report import Ending, StepTaken
from tests.bench.one_request import answer_one, header

TALK: Final = timedelta(minutes=30)
BEAT_SECONDS: Final = HeartbeatTarget("").interval_seconds


@dataclass(slots=True)
class StandIn:
    """One supervisor. Its session starts when it is first asked."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    deadline: datetime | None = None
    ending: Ending | None = None
    beats: int = 0
    operator: str = ""

    def snapshot(self) -> SessionSnapshot:
        """Return what it says of its session."""
        return SessionSnapshot(
            BotState.ENDING if self.ending else BotState.RUNNING,
            datetime.now(UTC),
            started_at=self.started,
            deadline=self.deadline or self.started + TALK,
            client_connected_at=self.started,
            tells_of_clients=True,
            ending=self.ending,
            heartbeats=Heartbeats(BEAT_SECONDS, self.beats, self.revision),
        )

    @property
    def revision(self) -> int:
        """Return the number of what there is to know of the session."""
        return 1 + bool(self.deadline) + bool(self.ending)

    def end(self, request: EndRequest) -> None:
        """Begin to end; a second request changes nothing."""
        now = datetime.now(UTC)
        self.ending = self.ending or Ending(request.cause, request.mode, now, (StepTaken(Step.END_FRAME, now),))


@dataclass(frozen=True, slots=True)
class StandIns:
    """All supervisors, by the tokens of their sessions: an address is used again when its pod is gone."""

    ends: Path
    by_token: dict[str, StandIn] = field(default_factory=dict)

    def answer(self, head: str, body: bytes) -> dict[str, Any]:
        """Carry out a request; return the snapshot after it."""
        supervisor = self.by_token.setdefault(token_in(head), StandIn())
        if head.startswith("POST") and not supervisor.ending:
            supervisor.end(decode(EndRequest, json.loads(body)))
            self._note(supervisor)
        elif head.startswith("PATCH"):
            supervisor.deadline = decode(SessionPatch, json.loads(body)).deadline
        snapshot: dict[str, Any] = encode(supervisor.snapshot())
        return snapshot

    def beat_to(self, operator: str, token: str) -> None:
        """Send heartbeats to an operator from now on."""
        supervisor = self.by_token[token]
        if not supervisor.operator:
            asyncio.get_running_loop().call_later(BEAT_SECONDS * random.random(), self._beat, token)  # noqa: S311
        supervisor.operator = operator

    def _beat(self, token: str) -> None:
        """Send a heartbeat, and the next one later. A session that ends needs none."""
        supervisor, digest = self.by_token[token], token_digest(token)
        if supervisor.ending:
            return
        supervisor.beats += 1
        beat = to_datagram(heartbeat_id(digest), supervisor.beats, supervisor.revision, heartbeat_key(digest))
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(beat, (supervisor.operator, HEARTBEAT_PORT))
        asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat, token)

    def _note(self, supervisor: StandIn) -> None:
        line = {"started": encode(supervisor.started), "ending": encode(supervisor.ending)}
        with self.ends.open("a") as file:
            file.write(json.dumps(line) + "\n")


def token_in(head: str) -> str:
    """Return the token of a request."""
    return header(head, "authorization").removeprefix("Bearer ")


async def serve(all_of_them: StandIns, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request, and send heartbeats to who has sent it."""

    def answer(head: str, body: bytes) -> dict[str, Any]:
        snapshot = all_of_them.answer(head, body)
        all_of_them.beat_to(writer.get_extra_info("peername")[0], token_in(head))
        return snapshot

    await answer_one(reader, writer, answer)


async def main() -> None:
    """Serve until the process is told to end."""
    all_of_them = StandIns(Path(sys.argv[1]))
    everywhere = "0.0.0.0"  # the addresses of all pods are the worker's own
    server = await asyncio.start_server(
        lambda reader, writer: serve(all_of_them, reader, writer), everywhere, CONTROL_PORT, backlog=1024
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
