"""What a caller heard: the bot's sound at the times it came, and the phrases understood in it."""
# mypy: disable-error-code="import-not-found"

import time
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from speech import SAMPLE_BYTES, SAMPLE_RATE, Recogniser

CHUNK_SECS: Final = 0.02
CHUNK_BYTES: Final = int(SAMPLE_RATE * CHUNK_SECS) * SAMPLE_BYTES
QUIET_AMPLITUDE: Final = 300  # of 32767: espeak-ng's softest consonants are louder, its pauses are nearly zeros
PAUSE_SECS: Final = 0.7  # longer than between "… time limit." and "Goodbye!", shorter than between two answers
LATE_SECS: Final = 0.25  # sound that comes less late than this was held up on its way; more, and nobody spoke
MID_WORD_SECS: Final = 0.2  # a bot whose voice was heard so shortly before has not finished its word …
HELD_UP_SECS: Final = 2.0  # … so what follows was held up by a busy machine, up to this long
MARGIN_SECS: Final = 0.3  # of quiet on either side, without which the recogniser loses first and last consonants


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing the bot said, and when, in seconds since the call began."""

    text: str  # empty where there was speech that fits no known phrase
    start_secs: float
    end_secs: float


@dataclass(slots=True)
class Recording:
    """Keep what comes from the bot, with silence where nothing came."""

    started: float = field(default_factory=time.monotonic)
    pcm: bytearray = field(default_factory=bytearray)
    voice_at: float | None = None  # when the bot's voice was last heard

    def elapsed(self) -> float:
        """Return the seconds since the call began."""
        return time.monotonic() - self.started

    def hear(self, sound: bytes) -> None:
        """Add sound that has just arrived."""
        recorded = len(self.pcm) / SAMPLE_BYTES / SAMPLE_RATE
        late = self.elapsed() - recorded
        mid_word = amplitude(self._cut(max(0.0, recorded - MID_WORD_SECS), recorded)) > QUIET_AMPLITUDE
        if late > (HELD_UP_SECS if mid_word else LATE_SECS):
            self.pcm += silence(late)
        self.pcm += sound
        if amplitude(sound) > QUIET_AMPLITUDE:
            self.voice_at = self.elapsed()

    def write(self, path: Path) -> None:
        """Save it as a WAV file."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(SAMPLE_BYTES)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(self.pcm)

    def speech(self) -> list[tuple[float, float]]:
        """Find when the bot spoke, as pairs of start and end in seconds."""
        spans: list[tuple[float, float]] = []
        for chunk in range(len(self.pcm) // CHUNK_BYTES):
            start, end = chunk * CHUNK_SECS, (chunk + 1) * CHUNK_SECS
            if amplitude(self._cut(start, end)) <= QUIET_AMPLITUDE:
                continue
            if spans and start - spans[-1][1] < PAUSE_SECS:
                start = spans.pop()[0]
            spans.append((start, end))
        return spans

    def understand(self) -> tuple[Utterance, ...]:
        """Recognise each stretch of speech. Takes about a second: not for an event loop."""
        recogniser, margin = Recogniser("parrot.answer"), silence(MARGIN_SECS)
        return tuple(
            Utterance(recogniser.recognise(margin + self._cut(start, end) + margin), start, end)
            for start, end in self.speech()
        )

    def _cut(self, start: float, end: float) -> bytes:
        first, last = (round(secs * SAMPLE_RATE) * SAMPLE_BYTES for secs in (start, end))
        return bytes(self.pcm[first:last])


def amplitude(pcm: bytes) -> int:
    """Return how loud the loudest sample is."""
    samples = np.frombuffer(pcm, np.int16).astype(np.int32)
    return int(np.abs(samples).max(initial=0))


def silence(seconds: float) -> bytes:
    """Return that much of nothing."""
    return bytes(round(seconds * SAMPLE_RATE) * SAMPLE_BYTES)
