"""Notices that a pipeline which ends gets on with it: that sound is made, or goes out."""

import time
from typing import Any

from .frames import is_output
from .ipc import IpcConnection

#: The supervisor is told of progress at most this often, in seconds.
PROGRESS_SECONDS = 1.0


def frames() -> tuple[type, ...]:
    """Give the frames that are looked at while a pipeline ends."""
    from pipecat.frames import frames as known

    return known.BotSpeakingFrame, known.OutputAudioRawFrame


class Progress:
    """Tells the supervisor of sound."""

    def __init__(self, wire: IpcConnection) -> None:
        self._wire = wire
        self._told_at = 0.0

    def saw(self, frame: Any, source: Any) -> None:
        """Note a push of a frame. Most go by with a look at the clock."""
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_SECONDS and _is_sound(frame, source):
            self._told_at = now
            self._wire.tell("progress")


def _is_sound(frame: Any, source: Any) -> bool:
    """Tell sound from silence, and from the music that an output transport mixes in for as long as it runs."""
    audio = getattr(frame, "audio", None)
    if audio is None:
        return type(frame).__name__ == "BotSpeakingFrame"
    is_mixed = getattr(getattr(source, "_params", None), "audio_out_mixer", None) and is_output(source)
    return not is_mixed and any(audio)
