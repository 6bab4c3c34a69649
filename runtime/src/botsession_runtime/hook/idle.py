"""Whose idle timeout decides, and what is activity."""

import asyncio
import time
import weakref
from typing import Any

from .ipc import IpcConnection

#: The supervisor is told of activity at most this often, in seconds; that much later it may learn of the last of it.
ACTIVITY_SECONDS = 0.5
#: Frames that come of the bot's own speech, by the beginnings of their names.
BOT_FRAMES = ("Bot", "TTS", "Output", "SpeechOutput")
#: Set for Pipecat's idle timeout, it never strikes, and its timer still runs, so that it can be given back: 30 years.
NEVER_SECONDS = 1e9


class IdleTimers:
    """Pipecat's own idle timers. There is no public way to them; what is used here is the same from 1.3 to 1.14.

    Helpers below a root worker have one each too, and it strikes the whole runner.
    """

    def __init__(self) -> None:
        #: The idle timeout that the bot itself configured, by worker. Helpers come and go.
        self._own: weakref.WeakKeyDictionary[Any, float | None] = weakref.WeakKeyDictionary()

    def add(self, worker: Any) -> None:
        """Learn of a worker, before its pipeline starts."""
        self._own[worker] = getattr(worker, "_idle_timeout_secs", None)

    def apply(self, *, is_ours: bool) -> None:
        """Switch them off while our idle timeout decides, and on again when it does not."""
        for worker, own in list(self._own.items()):
            wanted = NEVER_SECONDS if is_ours and own else own
            if getattr(worker, "_idle_timeout_secs", wanted) != wanted:
                worker._idle_timeout_secs = wanted
                worker._idle_event.set()  # the wait that is under way still has the old timeout

    def can_switch(self) -> bool:
        """Return whether this Pipecat has them where they are known to be."""
        return all(hasattr(worker, "_idle_timeout_secs") for worker in self._own)


class Activity:
    """Notices that somebody speaks, and tells the supervisor, whose clock runs on while the bot is blocked."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        self._seen_at = 0.0
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_prompted = False

    def on_frame(self, frame: Any) -> None:
        """Note a frame that counts. After a prompt the bot's voice does not, or it would answer itself for ever."""
        if self._is_prompted and type(frame).__name__.startswith(BOT_FRAMES):
            return
        self._is_prompted = False
        self._seen_at = time.monotonic()
        if self._timer is None:
            self._send()

    def prompted(self) -> None:
        """Note that the bot is about to ask whether anybody is there."""
        self._is_prompted = True

    def _send(self) -> None:
        self._sent_at = self._seen_at
        self._connection.send("active", at=self._seen_at)
        self._timer = asyncio.get_running_loop().call_later(ACTIVITY_SECONDS, self._send_again)

    def _send_again(self) -> None:
        self._timer = None
        if self._seen_at > self._sent_at:
            self._send()
