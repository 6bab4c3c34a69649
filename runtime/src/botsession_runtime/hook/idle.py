"""Whose idle timeout decides, and what is activity."""

import asyncio
import time
import weakref
from typing import Any

from .ipc import IpcConnection

#: Activity is sent at most this often, in seconds. The last of it may arrive that much later.
ACTIVITY_SECONDS = 0.5
#: Frames that come of the bot's own speech, by the beginnings of their names.
BOT_FRAMES = ("Bot", "TTS", "Output", "SpeechOutput")
#: An idle timeout of Pipecat that never fires, but whose timer runs on, so that it can be set back: 30 years.
NEVER_SECONDS = 1e9


class IdleTimers:
    """Pipecat's own idle timers. There is no public way to them; what is used here is the same from 1.3 to 1.14.

    Helpers below a root worker have one each too, which ends the whole runner when it fires.
    """

    def __init__(self) -> None:
        #: The idle timeout that the bot itself configured, by worker. Helpers come and go.
        self._own: weakref.WeakKeyDictionary[Any, float | None] = weakref.WeakKeyDictionary()

    def add(self, worker: Any) -> None:
        """Register a worker, before its pipeline starts."""
        self._own[worker] = getattr(worker, "_idle_timeout_secs", None)

    def apply(self, *, is_ours: bool) -> None:
        """Switch Pipecat's timers off while the supervisor's idle timeout applies, and on again when it does not."""
        for worker, own in list(self._own.items()):
            wanted = NEVER_SECONDS if is_ours and own else own
            if getattr(worker, "_idle_timeout_secs", wanted) != wanted:
                worker._idle_timeout_secs = wanted
                worker._idle_event.set()  # the wait that is under way still has the old timeout

    def can_switch(self) -> bool:
        """Return whether this Pipecat keeps its timers in the attributes that are used here."""
        return all(hasattr(worker, "_idle_timeout_secs") for worker in self._own)


class Activity:
    """Reports activity to the supervisor, whose clock runs on while the bot is blocked."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        self._seen_at = 0.0
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_prompted = False

    def on_frame(self, frame: Any) -> None:
        """Note a frame that counts. After a prompt the bot's voice does not count, or prompts would never end."""
        if self._is_prompted and type(frame).__name__.startswith(BOT_FRAMES):
            return
        self._is_prompted = False
        self._seen_at = time.monotonic()
        if self._timer is None:
            self._send()

    def prompted(self) -> None:
        """Note that the bot is about to speak the idle prompt."""
        self._is_prompted = True

    def _send(self) -> None:
        self._sent_at = self._seen_at
        self._connection.send("active", at=self._seen_at)
        self._timer = asyncio.get_running_loop().call_later(ACTIVITY_SECONDS, self._send_again)

    def _send_again(self) -> None:
        self._timer = None
        if self._seen_at > self._sent_at:
            self._send()
