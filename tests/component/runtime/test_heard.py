"""What the caller got: the bot's first sound, turns, and the errors that only a log would tell of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from botsession_contract.control import SessionPatch
from botsession_contract.conversation import Conversation
from botsession_contract.lifecycle import Mode, Outcome, Phase, ProcessorKind, Reason, final_phase
from botsession_contract.session_limits import SessionLimits
from tests.pipecats import every_pipecat, fact
from tests.ports import free_port
from tests.supervision import PATIENCE, Supervised, supervised


@asynccontextmanager
async def call(folder: Path, **body: Any) -> AsyncIterator[Supervised]:
    """Call a bot, and stay on the line until the session is over."""
    port = free_port()
    async with supervised(folder, "heard.py", body={"port": port, **body}) as session:
        await (await session.running()).logged("listening")
        async with connect(f"ws://127.0.0.1:{port}", proxy=None, open_timeout=PATIENCE):
            yield session


async def heard(session: Supervised) -> Conversation:
    """Return what the report says of the conversation, once it is over."""
    conversation = (await session.report()).conversation
    assert conversation is not None
    return conversation


@every_pipecat
@fact("the first sound, and how often each side spoke, are recorded")
async def test_the_first_sound_and_turns_are_recorded(tmp_path: Path) -> None:
    async with call(tmp_path, greets=1, caller_speaks=2, ends=True) as session:
        conversation = await heard(session)
    assert conversation.has_audio
    assert (conversation.bot_turns, conversation.caller_turns, conversation.errors) == (1, 2, ())
    report = await session.report()
    assert report.client_connected_at is not None
    assert conversation.first_sound_at is not None
    assert report.client_connected_at < conversation.first_sound_at < report.finished_at


async def test_what_is_heard_is_known_while_it_runs(tmp_path: Path) -> None:
    async with call(tmp_path, greets=1) as session:
        seen = await session.until(lambda seen: bool(seen.conversation and seen.conversation.first_sound_at))
        assert seen.conversation
        assert seen.conversation.has_audio
        await session.end(Mode.IMMEDIATE)
        assert (await heard(session)).first_sound_at == seen.conversation.first_sound_at


@every_pipecat
@fact("an exception of a service's task, which Pipecat only logs, is recorded with its service")
async def test_connection_task_that_dies_is_recorded(tmp_path: Path) -> None:
    async with call(tmp_path, model="dies", voice="none") as session:
        seen = await session.until(lambda seen: bool(seen.conversation and seen.conversation.errors))
        assert seen.conversation
        (live,) = seen.conversation.errors
        await session.end(Mode.IMMEDIATE)
        conversation = await heard(session)
    (errors,) = conversation.errors
    assert conversation.first_sound_at is None
    assert (errors.kind, errors.processor, errors.count) == (ProcessorKind.LLM, "FarModel", 1)
    assert errors.first_message is not None
    assert errors.first_message.startswith("ConnectionRefusedError: cannot reach wss://models.example.com?key=[red")
    assert errors.first_message.endswith(" in connect)")
    assert live == errors


@every_pipecat
@fact("an ErrorFrame that ends nothing is recorded with its processor, once, also where it is logged too")
@pytest.mark.parametrize("model", ["fails", "both"])
async def test_error_frames_are_recorded(tmp_path: Path, model: str) -> None:
    async with call(tmp_path, model=model, greets=1, ends=True) as session:
        conversation = await heard(session)
    (errors,) = conversation.errors
    assert (errors.kind, errors.processor, errors.count) == (ProcessorKind.LLM, "FarModel", 1)
    assert (errors.first_message or "").startswith("Unable to connect: cannot reach")
    assert conversation.first_sound_at is not None


async def test_an_error_has_its_category(tmp_path: Path) -> None:
    async with call(tmp_path, model="fails", ends=True) as session:
        (errors,) = (await heard(session)).errors
    assert errors.category == "connectivity"


async def test_many_errors_are_counted_and_the_first_and_last_are_kept(tmp_path: Path) -> None:
    async with call(tmp_path, floods=500, ends=True) as session:
        (errors,) = (await heard(session)).errors
    assert (errors.count, errors.first_message, errors.last_message) == (500, "failure 0", "failure 499")


@every_pipecat
@fact("an exception of the bot's own tasks and event handlers is recorded")
@pytest.mark.parametrize("where", ["stray", "handler"])
async def test_exceptions_of_the_bots_own_code_are_recorded(tmp_path: Path, where: str) -> None:
    async with call(tmp_path, **{where: True}) as session:
        seen = await session.until(lambda seen: bool(seen.conversation and seen.conversation.errors))
        assert seen.conversation
        await session.end(Mode.IMMEDIATE)
        await session.report()
    (errors,) = seen.conversation.errors
    assert (errors.kind, errors.processor, errors.count) == (ProcessorKind.OTHER, None, 1)
    assert (errors.first_message or "").startswith("LookupError: no such customer (heard.py:")


@pytest.mark.parametrize("voice", ["silence", "none"])
async def test_silence_is_no_sound(tmp_path: Path, voice: str) -> None:
    async with call(tmp_path, voice=voice, greets=2, ends=True) as session:
        conversation = await heard(session)
    assert (conversation.has_audio, conversation.first_sound_at) == (True, None)


async def test_bot_that_sends_no_audio_is_told_from_a_silent_one(tmp_path: Path) -> None:
    async with call(tmp_path, audio=False, voice="none", ends=True) as session:
        assert (await heard(session)).has_audio is False


async def test_sound_that_nobody_could_hear_is_none(tmp_path: Path) -> None:
    async with supervised(tmp_path, "speaks.py", body={"client": False}) as session:
        await session.running()
        await session.end(Mode.IMMEDIATE)
        conversation = (await session.report()).conversation
    assert conversation is not None
    assert (conversation.has_audio, conversation.first_sound_at) == (False, None)


async def test_silent_bot_is_ended_when_its_caller_has_waited_long_enough(tmp_path: Path) -> None:
    async with call(tmp_path, voice="none", model="dies") as session:
        await session.until(lambda seen: bool(seen.conversation and seen.conversation.errors))
        await session.patch(SessionPatch(limits=SessionLimits(first_sound_timeout_seconds=0.1)))
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.NO_SOUND, Outcome.DRAINED)
    assert (report.message or "").startswith("FarModel: ConnectionRefusedError: cannot reach")
    assert final_phase(report.reason, report.outcome) is Phase.FAILED


async def test_bot_that_is_heard_is_not_ended_for_silence(tmp_path: Path) -> None:
    async with call(tmp_path, greets=1) as session:
        await session.until(lambda seen: bool(seen.conversation and seen.conversation.first_sound_at))
        seen = await session.patch(SessionPatch(limits=SessionLimits(first_sound_timeout_seconds=0.001)))
        assert seen.ending is None
        await session.end(Mode.IMMEDIATE)
        assert (await session.report()).reason is Reason.END_REQUESTED
