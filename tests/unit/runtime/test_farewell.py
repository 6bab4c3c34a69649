"""How far a farewell has got, by the frames that are seen; with Pipecat's own classes and no bot around them."""

from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames.frames import (
    BotSpeakingFrame,
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from botsession_runtime.hook.farewell import Farewell, can_speak, frames


class Voice(TTSService):
    """A TTS service."""

    async def run_tts(self, text: str, context_id: str) -> Any:
        yield None


class SpeechToSpeech(LLMService):
    """A realtime service: it speaks, but only what it thinks of itself."""

    # It asks nobody. Pipecat's default imports OpenAI's package, which takes a second.
    adapter_class: Any = SimpleNamespace


TTS, OUTPUT, OTHER = Voice(), BaseOutputTransport(TransportParams()), FrameProcessor()
OURS, BEFORE, BEGUN = TTSSpeakFrame("Goodbye!"), TTSStartedFrame(), TTSStartedFrame()
SOUND = TTSAudioRawFrame(b"\0\0", 16000, 1)

Hop = tuple[Frame, FrameProcessor, FrameProcessor]

TAKEN: Hop = (OURS, OTHER, TTS)
BEGINS: Hop = (BEGUN, TTS, OUTPUT)
SOUNDS: Hop = (SOUND, TTS, OUTPUT)
PLAYS: Hop = (BEGUN, OUTPUT, OTHER)
STARTS: Hop = (BotStartedSpeakingFrame(), OUTPUT, OTHER)
SPEAKS: Hop = (BotSpeakingFrame(), OUTPUT, OTHER)
STOPS: Hop = (BotStoppedSpeakingFrame(), OUTPUT, OTHER)
INTERRUPTS: Hop = (InterruptionFrame(), OTHER, OUTPUT)
CANCELS: Hop = (CancelFrame(), OTHER, OUTPUT)
ENDS: Hop = (EndFrame(), TTS, OUTPUT)
WHOLE = [TAKEN, BEGINS, SOUNDS, PLAYS, STARTS, SPEAKS, STOPS]
PLAYED = ["Queued", "Voiced", "Speaking", "Spoken"]


class Heard:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def send(self, event: str, *, state: str) -> None:
        assert event == "farewell"
        self.states.append(state)


def states_after(*hops: Hop) -> list[str]:
    heard = Heard()
    farewell = Farewell(heard, OURS)  # type: ignore[arg-type]  # all that it uses
    for hop in hops:
        farewell.on_frame(*hop)
    return heard.states


@pytest.mark.parametrize(
    ("hops", "states"),
    [
        pytest.param([], ["Queued"], id="it is queued"),
        pytest.param([TAKEN, BEGINS], ["Queued"], id="a TTS that has begun has made no sound yet"),
        pytest.param([TAKEN, BEGINS, SOUNDS], ["Queued", "Voiced"], id="the TTS made sound"),
        pytest.param(WHOLE[:5], ["Queued", "Voiced", "Speaking"], id="the output plays it"),
        pytest.param(WHOLE, PLAYED, id="the output has played it"),
        pytest.param(
            [*WHOLE[:4], SPEAKS], ["Queued", "Voiced", "Speaking"], id="the bot was speaking already, and goes on"
        ),
        pytest.param(
            [*WHOLE, STARTS], ["Queued", "Voiced", "Speaking", "Spoken", "Speaking"], id="after a long breath"
        ),
        pytest.param([TAKEN, ENDS], ["Queued", "Silent"], id="the TTS goes on to what is behind it"),
        pytest.param([ENDS], ["Queued"], id="the TTS never got it"),
        pytest.param(
            [(BEFORE, TTS, OUTPUT), SOUNDS, TAKEN, (BEFORE, OUTPUT, OTHER), STARTS, STOPS],
            ["Queued"],
            id="what the bot said before is no farewell",
        ),
        pytest.param(
            [TAKEN, BEGINS, SOUNDS, STARTS, STOPS], ["Queued", "Voiced"], id="nor is what it was saying meanwhile"
        ),
        pytest.param([TAKEN, INTERRUPTS], ["Queued", "Interrupted"], id="the caller spoke first"),
        pytest.param(
            [*WHOLE[:5], INTERRUPTS, STOPS],
            ["Queued", "Voiced", "Speaking", "Interrupted"],
            id="the caller spoke in the middle of it",
        ),
        pytest.param([*WHOLE, INTERRUPTS], PLAYED, id="the caller answered it"),
        pytest.param(
            [*WHOLE[:5], CANCELS, STOPS], ["Queued", "Voiced", "Speaking"], id="silence after a cancel is no end of it"
        ),
    ],
)
def test_states_of_a_farewell(hops: list[Hop], states: list[str]) -> None:
    assert states_after(*hops) == states


def test_every_frame_that_matters_is_looked_at() -> None:
    looked_at = (*frames(), EndFrame, CancelFrame)
    assert all(isinstance(frame, looked_at) for frame, *_ in [*WHOLE, INTERRUPTS, CANCELS, ENDS])


@pytest.mark.parametrize(
    ("processors", "able"),
    [
        pytest.param([OTHER, TTS], True, id="a TTS"),
        pytest.param([Pipeline([Voice()])], True, id="a TTS in a pipeline in the pipeline"),
        pytest.param([SpeechToSpeech()], False, id="a speech-to-speech service"),
        pytest.param([FrameProcessor()], False, id="nothing"),
    ],
)
def test_what_can_speak(processors: list[FrameProcessor], able: bool) -> None:
    assert can_speak(Pipeline(processors)) is able
