"""Notices sound: a pipeline which ends gets on with it, and one beside another that has finished is no helper."""

import time
from typing import Any

from .frames import is_output
from .ipc import IpcConnection

#: The supervisor is told of progress at most this often, in seconds.
PROGRESS_SECONDS = 1.0


def frames() -> tuple[type, ...]:
    """Return the frames that are looked at while a pipeline ends."""
    from pipecat.frames import frames as known

    return known.BotSpeakingFrame, known.OutputAudioRawFrame


class Progress:
    """Tells the supervisor of sound."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        self._sent_at = 0.0

    def on_frame(self, frame: Any, source: Any) -> None:
        """Note a push of a frame. Most go by with a look at the clock."""
        now = time.monotonic()
        if now - self._sent_at >= PROGRESS_SECONDS and is_sound(frame, source):
            self._sent_at = now
            self._connection.send("progress")


class Speakers:
    """Tells the supervisor which pipelines make sound when another one has finished, of each once."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        #: Those that have been told of since the last finish; None before there was one.
        self._sent: set[int] | None = None

    def restart(self) -> None:
        """Look from now on, anew."""
        self._sent = set()

    def on_frame(self, root: int, frame: Any, source: Any) -> None:
        """Note a push of a frame."""
        if self._sent is not None and root not in self._sent and is_sound(frame, source):
            self._sent.add(root)
            self._connection.send("speaks", root=root)


def is_sound(frame: Any, source: Any) -> bool:
    """Tell sound from silence, and from the music that an output transport mixes in for as long as it runs."""
    audio = getattr(frame, "audio", None)
    if audio is None:
        return type(frame).__name__ == "BotSpeakingFrame"
    is_mixed = getattr(getattr(source, "_params", None), "audio_out_mixer", None) and is_output(source)
    return not is_mixed and any(audio)
