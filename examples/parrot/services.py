"""Pipecat services around the offline mouth and ear, written like those for any provider."""
# mypy: disable-error-code="import-not-found"

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from pipecat.frames.frames import ErrorFrame, Frame, TranscriptionFrame, TTSAudioRawFrame
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601
from pocketsphinx import get_model_path
from speech import SAMPLE_RATE, VOICE, Recogniser, SpeechError, synthesise


class PocketsphinxSTTService(SegmentedSTTService):
    """Turn what the caller said into one of the grammar's phrases; anything else is not transcribed.

    A segmented service, because a grammar is matched against a whole utterance: a VAD must come before it.
    """

    def __init__(self, *, rule: str = "parrot.phrase", **kwargs: Any) -> None:
        settings = STTSettings(model=get_model_path("en-us/en-us"), language=Language.EN_US)
        # The latency is the VAD's half second plus what decoding takes on a busy core.
        super().__init__(sample_rate=SAMPLE_RATE, ttfs_p99_latency=0.8, settings=settings, **kwargs)
        self._rule = rule
        self._recogniser: Recogniser | None = None

    @property
    def wants_wav_segments(self) -> bool:
        """Ask for bare PCM: a WAV header would be heard as a click."""
        return False

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as all of Pipecat's own do
        """Load the model while the other processors set themselves up."""
        await super().setup(setup)
        self._recogniser = await asyncio.to_thread(Recogniser, self._rule)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Transcribe one utterance in a thread, as decoding would hold up every other frame of the call."""
        if self._recogniser is None:
            yield ErrorFrame("the speech recogniser was used before it was set up")
            return
        await self.start_processing_metrics()
        text = await asyncio.to_thread(self._recogniser.recognise, audio)
        await self.stop_processing_metrics()
        if text:
            yield TranscriptionFrame(text, self._user_id, time_now_iso8601(), Language.EN_US)


class EspeakTTSService(TTSService):
    """Speak any text with espeak-ng."""

    def __init__(self, *, voice: str = VOICE, **kwargs: Any) -> None:
        settings = TTSSettings(model="espeak-ng", voice=voice, language=Language.EN_US)
        # The base class then brackets each text with TTSStartedFrame and TTSStoppedFrame.
        super().__init__(push_start_frame=True, push_stop_frames=True, settings=settings, **kwargs)
        self._voice = voice

    def can_generate_metrics(self) -> bool:
        """Let Pipecat measure the time to the first sound."""
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak one text; the transport plays it in real time, whatever speed it was made at."""
        await self.start_tts_usage_metrics(text)
        try:
            pcm = await synthesise(text, voice=self._voice, sample_rate=self.sample_rate)
        except SpeechError as exc:
            yield ErrorFrame(str(exc))
            return
        finally:
            await self.stop_ttfb_metrics()
        yield TTSAudioRawFrame(pcm, self.sample_rate, 1, context_id=context_id)
