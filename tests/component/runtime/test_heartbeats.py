"""The heartbeats of a running supervisor, as the operator receives them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botsession_contract.control import SessionPatch
from botsession_contract.credentials import token_digest
from botsession_contract.heartbeat import Heartbeat, from_datagram, heartbeat_id, heartbeat_key
from botsession_contract.launch import HeartbeatTarget
from botsession_contract.session_limits import SessionLimits
from botsession_operator.heartbeat_listener import heartbeats
from tests.supervision import PATIENCE, TOKEN, supervised

LONGER = SessionPatch(limits=SessionLimits(first_sound_timeout_seconds=100.0))


class Operator:
    """Receives heartbeats."""

    def __init__(self) -> None:
        self.beats: asyncio.Queue[Heartbeat] = asyncio.Queue()

    def receive(self, datagram: bytes) -> None:
        beat = from_datagram(datagram)
        assert beat
        assert beat.is_authentic(heartbeat_key(token_digest(TOKEN)))
        self.beats.put_nowait(beat)

    async def next(self) -> Heartbeat:
        async with asyncio.timeout(PATIENCE):
            return await self.beats.get()

    @contextmanager
    def listening(self) -> Iterator[HeartbeatTarget]:
        with heartbeats("127.0.0.1", 0, self.receive) as port:
            yield HeartbeatTarget(f"127.0.0.1:{port}", 0.2)


async def test_supervisor_sends_heartbeats_that_tell_of_news(tmp_path: Path) -> None:
    operator = Operator()
    with operator.listening() as target:
        async with supervised(tmp_path, "quiet.py", heartbeat=target) as session:
            first = await operator.next()
            await session.running()
            before = (await session.snapshot()).heartbeats
            changed = (await session.patch(LONGER)).heartbeats
            assert before
            assert changed
            news = await operator.next()
            while news.revision < changed.revision:
                news = await operator.next()
            again = await operator.next()

    assert (first.session, first.sequence) == (heartbeat_id(token_digest(TOKEN)), 1)
    assert first.revision <= before.revision < changed.revision == news.revision <= again.revision
    assert first.sequence < news.sequence < again.sequence


async def test_supervisor_without_an_address_sends_none(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session:
        await session.running()

        assert (await session.snapshot()).heartbeats is None
