"""Whether a pipeline can speak on demand, and how far the speaking of a farewell has got."""

from typing import Any

from .frames import is_a, is_output, processors_of
from .ipc import IpcConnection

#: What is true of the farewell while it is played, by the frame that the output pushes.
SPEAKING = {"BotStartedSpeakingFrame": "Speaking", "BotSpeakingFrame": "Speaking", "BotStoppedSpeakingFrame": "Spoken"}


def can_speak(pipeline: Any) -> bool:
    """Return whether anything in a pipeline speaks a TTSSpeakFrame.

    In Pipecat, from 1.3 to 1.14, that is a TTSService. A speech-to-speech service passes the frame on and says nothing.
    """
    return any(_is_tts(each) for each in processors_of(pipeline))


def frames() -> tuple[type, ...]:
    """Return the frames by which a farewell is followed."""
    from pipecat.frames import frames as known

    spoken = (known.BotStartedSpeakingFrame, known.BotSpeakingFrame, known.BotStoppedSpeakingFrame)
    return (known.TTSSpeakFrame, known.TTSStartedFrame, known.TTSAudioRawFrame, known.InterruptionFrame, *spoken)


class Farewell:
    """A farewell on its way: the TTS takes the frame, begins, makes sound; the output plays what has begun.

    What the bot was saying before may be played still while the TTS is at the farewell. The frame with which the TTS
    begins tells the two apart: the output hands it on when it comes to playing what follows.
    """

    def __init__(self, connection: IpcConnection, frame: Any) -> None:
        self._connection = connection
        self._frame_id = frame.id
        self._is_taken = False
        self._started_frame_id: int | None = None
        self._is_playing = False
        self._is_cancelled = False
        self._state = ""
        self._set_state("Queued")

    def on_frame(self, frame: Any, source: Any, destination: Any) -> None:
        """Note a push of a frame."""
        kind = type(frame).__name__
        if frame.id == self._frame_id:
            self._is_taken = self._is_taken or _is_tts(destination)
        elif kind == "CancelFrame":
            self._is_cancelled = True  # a bot that stops speaking now was cut off
        elif kind == "TTSStartedFrame":
            self._on_tts_started(frame, source)
        elif kind == "TTSAudioRawFrame":
            self._on_audio(source)
        elif kind == "InterruptionFrame":
            self._on_interruption()
        elif kind == "EndFrame":
            self._on_end_frame(source)
        elif kind in SPEAKING and self._is_playing and not self._is_cancelled:
            self._set_state(SPEAKING[kind])

    def _on_audio(self, source: Any) -> None:
        if self._started_frame_id is not None and self._state in ("Queued", "Silent") and _is_tts(source):
            self._set_state("Voiced")

    def _on_end_frame(self, source: Any) -> None:
        """Note the EndFrame behind the farewell: a TTS that passes it on is done with the farewell."""
        if self._is_taken and self._state == "Queued" and _is_tts(source):
            self._set_state("Silent")

    def _on_interruption(self) -> None:
        self._is_playing = False
        if self._state != "Spoken":
            self._set_state("Interrupted")

    def _on_tts_started(self, frame: Any, source: Any) -> None:
        if self._is_taken and _is_tts(source):
            self._started_frame_id = frame.id
        elif frame.id == self._started_frame_id and is_output(source):
            self._is_playing = True

    def _set_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._connection.send("farewell", state=state)


def _is_tts(processor: Any) -> bool:
    return is_a(processor, "pipecat.services.tts_service", "TTSService")
