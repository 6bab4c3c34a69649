"""What the bot's side says, as events that have been through the gate: a bounded amount of work for each call."""

import socket
from collections.abc import Iterable, Iterator
from typing import Final

from loguru import logger

from botsession_runtime.events import Event, NoEventError, read_event
from botsession_runtime.line_reader import LineReader
from botsession_runtime.log import log_event

#: Events of one session that are worth a line in its log. A client may come and go; a flood need not be quoted.
MOST_LOGGED: Final = 1000


class Intake:
    """Turns what arrives from the bot's side into events."""

    def __init__(self, source: socket.socket, began: float) -> None:
        self._reader = LineReader(source)
        self._began = began
        self._logged = 0
        #: How many lines were no events.
        self._refused = 0

    @property
    def is_at_end(self) -> bool:
        """Whether the bot's side has closed its end."""
        return self._reader.is_at_end

    @property
    def refused(self) -> int:
        """How many lines were no events, or too long for one."""
        return self._refused + self._reader.dropped

    def read(self, now: float) -> list[Event]:
        """Return the events of one read."""
        return list(self._events(self._reader.read() or (), now))

    def read_rest(self, now: float) -> Iterator[Event]:
        """Return the events that are there already."""
        return self._events(self._reader.read_rest(), now)

    def _events(self, lines: Iterable[bytes], now: float) -> Iterator[Event]:
        before = self.refused
        for line in lines:
            if event := self._event(line, now):
                yield event
        if self.refused and not before:
            logger.warning("the bot's side wrote what is no event; it and all others of its kind are left out")

    def _event(self, line: bytes, now: float) -> Event | None:
        try:
            event = read_event(line, self._began, now)
        except NoEventError:
            self._refused += 1
            return None
        if event:
            self._log(event)
        return event

    def _log(self, event: Event) -> None:
        self._logged += 1
        if self._logged <= MOST_LOGGED:
            log_event(event)
        elif self._logged == MOST_LOGGED + 1:
            logger.warning("no more events of the bot are logged")
