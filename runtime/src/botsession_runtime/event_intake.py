"""Reads and checks events from the bot's processes, with a bounded amount of work for each call."""

from collections.abc import Iterable, Iterator
from typing import Final

from loguru import logger

from botsession_runtime.events import Event, NoEventError, read_event
from botsession_runtime.line_reader import LineReader
from botsession_runtime.log import log_event

#: Events of one session that are worth a line in its log. A client may come and go; a flood need not be quoted.
MAX_LOGGED: Final = 1000


class Intake:
    """Turns what arrives from the bot's processes into events. All of them share one bound on what is logged."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._logged = 0
        #: How many lines were no events, or too long for one.
        self.refused = 0

    def read(self, reader: LineReader, now: float) -> list[Event]:
        """Return the events of one read."""
        return list(self._events(reader, reader.read() or (), now))

    def read_rest(self, reader: LineReader, now: float) -> Iterator[Event]:
        """Return the events that are there already."""
        return self._events(reader, reader.read_rest(), now)

    def _events(self, reader: LineReader, lines: Iterable[bytes], now: float) -> Iterator[Event]:
        before = self.refused
        for line in lines:
            if event := self._event(line, now):
                yield event
        self.refused += reader.take_dropped()
        if self.refused and not before:
            logger.warning("the bot's side wrote a line that is not an event; such lines are ignored")

    def _event(self, line: bytes, now: float) -> Event | None:
        try:
            event = read_event(line, self._began, now)
        except NoEventError:
            self.refused += 1
            return None
        if event:
            self._log(event)
        return event

    def _log(self, event: Event) -> None:
        self._logged += 1
        if self._logged <= MAX_LOGGED:
            log_event(event)
        elif self._logged == MAX_LOGGED + 1:
            logger.warning("no more events of the bot are logged")
