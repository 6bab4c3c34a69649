"""Reports sound: an ending pipeline still makes progress, and one that outlives another is no mere helper."""

import time
from typing import Any

from .frames import is_output
from .ipc import IpcConnection

#: Progress is sent at most this often, in seconds.
PROGRESS_SECONDS = 1.0


def frames() -> tuple[type, ...]:
    """Return the frames that are looked at while a pipeline ends."""
    from pipecat.frames import frames as known

    return known.BotSpeakingFrame, known.OutputAudioRawFrame


class Progress:
    """Sends progress when a pipeline makes sound."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        self._sent_at = 0.0

    def on_frame(self, frame: Any, source: Any) -> None:
        """Note a push of a frame. Most cost no more than reading the clock."""
        now = time.monotonic()
        if now - self._sent_at >= PROGRESS_SECONDS and is_sound(frame, source):
            self._sent_at = now
            self._connection.send("progress")


class Speakers:
    """Sends which pipelines make sound after another one has finished, each once."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        #: Root workers that were sent since the last finish; None before the first finish.
        self._sent: set[int] | None = None

    def restart(self) -> None:
        """Begin again: report each pipeline that makes sound from now on."""
        self._sent = set()

    def on_frame(self, root: int, frame: Any, source: Any) -> None:
        """Note a push of a frame."""
        if self._sent is not None and root not in self._sent and is_sound(frame, source):
            self._sent.add(root)
            self._connection.send("speaks", root=root)


def is_sound(frame: Any, source: Any) -> bool:
    """Return whether a frame is sound: not silence, and not the music that an output transport mixes in."""
    audio = getattr(frame, "audio", None)
    if audio is None:
        return type(frame).__name__ == "BotSpeakingFrame"
    is_mixed = getattr(getattr(source, "_params", None), "audio_out_mixer", None) and is_output(source)
    return not is_mixed and any(audio)
