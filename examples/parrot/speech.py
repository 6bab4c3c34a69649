"""A mouth and an ear that need no network: espeak-ng speaks, pocketsphinx understands.

Bot and client share this file, so that what one says the other can hear. Everything in it is 16 kHz mono 16-bit PCM,
the rate pocketsphinx's English model was trained on.
"""

import asyncio
import wave
from pathlib import Path
from typing import Final

from pipecat.audio.utils import create_file_resampler
from pocketsphinx import Decoder, get_model_path

SAMPLE_RATE: Final = 16_000
SAMPLE_BYTES: Final = 2
GRAMMAR: Final = Path(__file__).with_name("phrases.gram")

# Of espeak-ng's variants only f2, f3 and f5 were recognised every time, at every speed from 120 to 150 words a minute.
VOICE: Final = "en-us+f3"
WORDS_PER_MINUTE: Final = 140

_WAV_HEADER_BYTES: Final = 44
_WAV_RATE: Final = slice(24, 28)


class SpeechError(RuntimeError):
    """Tell that espeak-ng could not turn a text into sound."""


async def synthesise(text: str, *, voice: str = VOICE, sample_rate: int = SAMPLE_RATE) -> bytes:
    """Speak a text into PCM at the given rate.

    The whole sentence is made before the first sample is played: espeak-ng is about fifty times faster than speech,
    and resampling in one piece loses nothing at the end, as resampling a stream would.
    """
    wav = await _espeak(text, voice)
    made_at = int.from_bytes(wav[_WAV_RATE], "little")
    # The lengths in a header written to a pipe are placeholders: what follows the header is all sound.
    return await create_file_resampler().resample(wav[_WAV_HEADER_BYTES:], made_at, sample_rate)


async def _espeak(text: str, voice: str) -> bytes:
    # The text goes in through stdin, where a leading "-" is not taken for an option.
    command = ["espeak-ng", "-v", voice, "-s", str(WORDS_PER_MINUTE), "--stdin", "--stdout"]
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    except FileNotFoundError as exc:
        raise SpeechError("espeak-ng is not installed (Debian: apt-get install espeak-ng)") from exc
    try:
        wav, complaint = await process.communicate(text.encode())
    finally:
        if process.returncode is None:  # we were cancelled: the caller hung up in mid-sentence
            process.kill()
            await process.wait()
    if process.returncode != 0 or len(wav) <= _WAV_HEADER_BYTES:
        raise SpeechError(f"espeak-ng made no sound: {complaint.decode(errors='replace').strip()}")
    return wav


async def read_wav(path: Path) -> bytes:
    """Return the sound of a mono 16-bit WAV file of any rate."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, SAMPLE_BYTES):
            raise SpeechError(f"{path} is not a mono 16-bit WAV file")
        pcm, made_at = file.readframes(file.getnframes()), file.getframerate()
    return await create_file_resampler().resample(pcm, made_at, SAMPLE_RATE)


class Recogniser:
    """Understand whole phrases of one rule of the grammar, and nothing else.

    Loading takes most of a second and decoding a good part of the sound's length, and neither yields to an event loop:
    call both in a thread.
    """

    def __init__(self, rule: str, *, grammar: Path = GRAMMAR) -> None:
        self._decoder = Decoder(
            hmm=get_model_path("en-us/en-us"),
            dict=get_model_path("en-us/cmudict-en-us.dict"),
            jsgf=str(grammar),
            toprule=rule,
            # The word lattice's best path may stop in the middle of a phrase; the first pass ends where the rule ends.
            bestpath=False,
            loglevel="FATAL",
        )

    def recognise(self, pcm: bytes) -> str:
        """Return the phrase that was said, or an empty string where none fits."""
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""
