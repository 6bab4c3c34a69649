"""What the hook makes of frames: the first sound, and turns."""

from typing import Any

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    OutputAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from botsession_runtime.hook.conversation import Conversation

LOUD, SILENCE = b"\x00\x20" * 160, bytes(320)


class SentEvents:
    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, event: str, **fields: Any) -> None:
        self.sent.append((event, fields))


class Bot:
    """A pipeline that is one output, and whether anybody hears it."""

    def __init__(self) -> None:
        self.connection, self.is_heard = SentEvents(), True
        self.output = BaseOutputTransport(TransportParams(audio_out_enabled=True))
        self.conversation = Conversation(
            self.connection,  # type: ignore[arg-type]
            is_heard=lambda: self.is_heard,
            is_closing=lambda: False,
            changed=lambda: None,
        )
        self.conversation.watch(self.output)

    def pushes(self, *frames: Any) -> list[str]:
        for frame in frames:
            if isinstance(frame, self.conversation.observed_frames):
                self.conversation.on_frame(frame, None, self.output)
        return [event for event, _ in self.connection.sent]


@pytest.fixture
async def bot() -> Bot:
    return Bot()


def audio(data: bytes) -> OutputAudioRawFrame:
    return OutputAudioRawFrame(data, 16000, 1)


async def test_the_first_sound_is_told_once_and_then_sound_is_not_looked_at(bot: Bot) -> None:
    assert bot.pushes(audio(LOUD), audio(LOUD)) == ["sounded"]
    assert not issubclass(OutputAudioRawFrame, bot.conversation.observed_frames)


async def test_silence_is_no_sound_also_where_the_output_says_that_it_speaks(bot: Bot) -> None:
    assert "sounded" not in bot.pushes(audio(SILENCE), audio(b""), BotStartedSpeakingFrame())


async def test_speech_that_reaches_an_output_in_another_way_is_a_sound(bot: Bot) -> None:
    assert "sounded" in bot.pushes(BotStartedSpeakingFrame())


async def test_half_a_sample_harms_nobody(bot: Bot) -> None:
    assert bot.pushes(audio(b"\x00"), audio(LOUD + b"\x00")) == ["sounded"]


async def test_sound_that_nobody_hears_is_none_until_somebody_does(bot: Bot) -> None:
    bot.is_heard = False
    assert bot.pushes(audio(LOUD)) == []
    bot.is_heard = True
    assert bot.pushes(audio(LOUD)) == ["sounded"]


async def test_a_turn_is_counted_once_though_each_processor_pushes_its_frame_on(bot: Bot) -> None:
    began, ended = UserStartedSpeakingFrame(), UserStoppedSpeakingFrame()
    again = UserStartedSpeakingFrame()
    bot.pushes(began, ended, began, UserStartedSpeakingFrame(), ended, again, UserStoppedSpeakingFrame(), again)
    bot.pushes(BotStartedSpeakingFrame(), BotStoppedSpeakingFrame())
    bot.conversation.flush()
    assert bot.connection.sent[-1] == ("turns", {"bot": 1, "caller": 2})
