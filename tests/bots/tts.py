"""A TTS service that makes a tone of each text, and says on stdout what it would say aloud."""

import math
import struct

from pipecat.frames.frames import ErrorFrame, TTSAudioRawFrame
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService

RATE = 16000


class ToneTTS(TTSService):
    """Speaks every text as a tone of so many seconds; of 0 s it makes no sound, as a provider that is down."""

    def __init__(self, seconds=0.2, **options):
        settings = TTSSettings(model="tone", voice="tone", language=None)
        super().__init__(sample_rate=RATE, push_start_frame=True, push_stop_frames=True, settings=settings, **options)
        self._seconds = seconds

    async def run_tts(self, text, context_id):
        """Say it."""
        print(f"said: {text}", flush=True)
        if not self._seconds:
            yield ErrorFrame("the provider is down")
            return
        samples = range(int(RATE * self._seconds))
        tone = struct.pack(f"<{len(samples)}h", *(int(8000 * math.sin(n / 8)) for n in samples))
        yield TTSAudioRawFrame(tone, RATE, 1, context_id=context_id)
