"""The supervisor's heartbeats, received by a real socket."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

import pytest

from botsession_contract.control import Heartbeats, SessionSnapshot
from botsession_contract.conversation import Conversation, ProcessorErrors
from botsession_contract.heartbeat import Heartbeat, from_datagram, heartbeat_id, heartbeat_key
from botsession_contract.launch import HeartbeatTarget, Launch
from botsession_contract.lifecycle import BotState, ProcessorKind
from botsession_runtime import heartbeats
from botsession_runtime.heartbeats import HeartbeatSender
from tests.builders import later, snapshot

LAUNCH: Final = Launch("bots", "call-1", "ab" * 32, target="bot.py")
ERROR: Final = ProcessorErrors(ProcessorKind.TTS, 1, "ToneTTS", first_message="broken")


class Operator:
    """Receives heartbeats."""

    def __init__(self, receiver: socket.socket) -> None:
        self._receiver = receiver
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        self.target = HeartbeatTarget(f"127.0.0.1:{receiver.getsockname()[1]}", 3600.0)

    def hears(self) -> Heartbeat:
        beat = from_datagram(self._receiver.recv(1000))
        assert beat
        assert beat.is_authentic(heartbeat_key(LAUNCH.token_sha256))
        return beat


@pytest.fixture
def operator() -> Iterator[Operator]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        yield Operator(receiver)


class Session:
    """What there is to know."""

    def __init__(self) -> None:
        self.content = snapshot()

    def __call__(self) -> SessionSnapshot:
        return self.content


async def test_each_heartbeat_names_the_session_and_has_the_next_number(operator: Operator) -> None:
    sender = HeartbeatSender(LAUNCH, operator.target, Session())
    await sender.send()
    await sender.send()

    assert [(beat.session, beat.sequence) for beat in (operator.hears(), operator.hears())] == [
        (heartbeat_id(LAUNCH.token_sha256), 1),
        (heartbeat_id(LAUNCH.token_sha256), 2),
    ]


async def test_a_snapshot_says_how_many_were_sent(operator: Operator) -> None:
    sender = HeartbeatSender(LAUNCH, operator.target, session := Session())
    await sender.send()

    assert sender.state(session()) == Heartbeats(3600.0, 1, 1)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(snapshot(client_connected_at=later(1)), id="a client has come"),
        pytest.param(snapshot(BotState.ENDING), id="it ends"),
        pytest.param(snapshot(conversation=Conversation(errors=(ERROR,))), id="a processor has had its first error"),
    ],
)
async def test_news_raise_the_revision(operator: Operator, content: SessionSnapshot) -> None:
    sender = HeartbeatSender(LAUNCH, operator.target, session := Session())
    session.content = snapshot(conversation=Conversation())
    await sender.send()
    before = operator.hears().revision

    session.content = content
    await sender.send()

    assert operator.hears().revision == before + 1
    assert sender.state(content).revision == before + 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(replace(snapshot(), now=later(9)), id="time has passed"),
        pytest.param(snapshot(conversation=Conversation(bot_turns=3, caller_turns=2)), id="both have spoken"),
    ],
)
async def test_what_changes_all_the_time_is_no_news(operator: Operator, content: SessionSnapshot) -> None:
    sender = HeartbeatSender(LAUNCH, operator.target, session := Session())
    session.content = replace(content, now=later(0), conversation=content.conversation and Conversation())
    await sender.send()

    assert sender.state(content).revision == operator.hears().revision


def test_another_error_of_a_processor_is_no_news() -> None:
    sender = HeartbeatSender(LAUNCH, HeartbeatTarget("operator:1"), Session())
    one = sender.state(snapshot(conversation=Conversation(errors=(ERROR,))))
    again = replace(ERROR, count=2, last_message="still broken")

    assert sender.state(snapshot(conversation=Conversation(errors=(again,)))) == one


async def test_heartbeats_go_on(operator: Operator) -> None:
    soon = HeartbeatTarget(operator.target.address, 0.01)
    beating = asyncio.create_task(HeartbeatSender(LAUNCH, soon, Session()).run())

    assert [(await asyncio.to_thread(operator.hears)).sequence for _ in range(3)] == [1, 2, 3]
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating


async def test_the_first_heartbeats_of_many_sessions_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for part in (0.25, 0.5):
        with suppress(asyncio.CancelledError):
            await HeartbeatSender(LAUNCH, HeartbeatTarget("operator:1", 30.0), Session(), iter([part]).__next__).run()

    assert waits == [7.5, 15.0]


@pytest.mark.parametrize("address", ["127.0.0.1:no-port", ""])
async def test_an_address_that_does_not_work_ends_nothing(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    sender, tries = HeartbeatSender(LAUNCH, HeartbeatTarget(address), session := Session()), list[float]()

    async def sleep(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with suppress(asyncio.CancelledError):
        await sender.run()

    assert len(tries) == 3
    assert sender.state(session()).sent == 0


async def test_the_last_address_stays_while_names_are_not_found(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "HEARTBEATS_PER_LOOKUP", 1)
    sender = HeartbeatSender(LAUNCH, operator.target, Session())
    await sender.send()

    async def not_found(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", not_found)
    await sender.send()

    assert [operator.hears().sequence for _ in range(2)] == [1, 2]
