"""What the caller gets: when the bot makes its first sound, how often each side speaks, and which processors fail."""

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from .errors import Errors
from .frames import is_output, processors_of
from .ipc import IpcConnection

#: Turns are sent at most this often, in seconds. The turns of that time are lost with a bot that is killed.
TURNS_SECONDS = 1.0


class Turns:
    """Counts how often one side began to speak, by the frames that say so, of which there may be several for one."""

    def __init__(self) -> None:
        self.count = 0
        self._is_speaking = False

    def on_frame(self, *, started: bool) -> bool:
        """Note that speech has begun or ended; return whether that was a new turn."""
        is_new = started and not self._is_speaking
        self._is_speaking = started
        self.count += is_new
        return is_new


class Conversation:
    """Observes as few frames as it can: sound until the first one, turns and errors."""

    def __init__(
        self,
        connection: IpcConnection,
        *,
        is_heard: Callable[[], bool],
        is_closing: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        """`is_heard` returns whether a client may hear the bot; `changed` is called when `observed_frames` shrinks."""
        self._connection = connection
        self._is_heard = is_heard
        self._changed = changed
        self.errors = Errors(connection, is_closing)
        #: The frame classes to look at.
        self.observed_frames: tuple[type, ...] = ()
        self._sounds: tuple[type, ...] = ()
        self._has_sounded = False
        #: Whether the last audio that reached an output was silence.
        self._is_silence = False
        self._bot, self._caller = Turns(), Turns()
        self._sent = (0, 0)
        #: Frames on their way, by their ids and those of their siblings: each is pushed by all that it passes.
        self._seen: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, pipeline: Any) -> None:
        """Watch a pipeline that has not started."""
        self._choose_frames()
        self.errors.watch(pipeline)

    def started(self, pipeline: Any) -> None:
        """Send whether a pipeline that has started plays audio."""
        self._connection.send("audio", output=any(map(_plays_audio, processors_of(pipeline))))

    def on_frame(self, frame: Any, source: Any, destination: Any) -> None:
        """Note the push of a frame of a class that is watched."""
        kind = type(frame).__name__
        if not self._has_sounded and isinstance(frame, self._sounds):
            self._on_sound(frame, destination, is_audio=hasattr(frame, "audio"))
        if kind in _TURNS and not self._is_known(frame):
            side, started = _TURNS[kind]
            if (self._bot if side == "bot" else self._caller).on_frame(started=started):
                self._schedule_turns()
        elif kind == "ErrorFrame" and not self._is_known(frame):
            self.errors.on_error_frame(frame, source)

    def flush(self) -> None:
        """Send what has not been sent."""
        self.errors.flush()
        if self._timer:
            self._timer.cancel()
            self._send_turns()

    def _choose_frames(self) -> None:
        from pipecat.frames import frames

        speaking = (frames.BotStartedSpeakingFrame, frames.BotSpeakingFrame)
        self._sounds = () if self._has_sounded else (frames.OutputAudioRawFrame, *speaking)
        bot = (frames.BotStartedSpeakingFrame, frames.BotStoppedSpeakingFrame)
        caller = (frames.UserStartedSpeakingFrame, frames.UserStoppedSpeakingFrame)
        self.observed_frames = (*self._sounds, *bot, *caller, frames.ErrorFrame)

    def _on_sound(self, frame: Any, destination: Any, *, is_audio: bool) -> None:
        """Note the first sound that a client may hear. An output that only got silence makes none."""
        if not self._is_heard() or (is_audio and not is_output(destination)):
            return
        if is_audio:
            self._is_silence = _is_silence(frame.audio)
        if self._is_silence:
            return
        self._has_sounded = True
        self._connection.send("sounded")
        self._choose_frames()
        self._changed()

    def _is_known(self, frame: Any) -> bool:
        """Return whether a frame, or the one that goes the other way with it, has been seen."""
        if frame.id in self._seen:
            return True
        self._seen[frame.id] = frame
        sibling = getattr(frame, "broadcast_sibling_id", None)
        if sibling is not None:
            self._seen[sibling] = frame
        return False

    def _schedule_turns(self) -> None:
        if self._timer is None:
            self._send_turns()
            self._timer = asyncio.get_running_loop().call_later(TURNS_SECONDS, self._send_turns)

    def _send_turns(self) -> None:
        self._timer = None
        counts = self._bot.count, self._caller.count
        if counts != self._sent:
            self._sent = counts
            self._connection.send("turns", bot=counts[0], caller=counts[1])


#: Whose turn a frame is about, and whether the turn begins with it.
_TURNS = {
    "BotStartedSpeakingFrame": ("bot", True),
    "BotStoppedSpeakingFrame": ("bot", False),
    "UserStartedSpeakingFrame": ("caller", True),
    "UserStoppedSpeakingFrame": ("caller", False),
}


def _plays_audio(processor: Any) -> bool:
    """Return whether an output plays audio. Its parameters are not public; without them, assume that it does."""
    params = getattr(processor, "_params", None)
    return is_output(processor) and bool(getattr(params, "audio_out_enabled", True))


def _is_silence(audio: bytes) -> bool:
    from pipecat.audio.utils import is_silence

    whole = audio[: len(audio) // 2 * 2]  # is_silence would raise for half a sample, in Pipecat's own task
    return not whole or bool(is_silence(whole))
