"""What an operator does with events and pokes before it leads, and when it begins to lead.

While the operator is a standby, its store fills and no session gets a pass. When it becomes the leader, each session in
the store gets one: at once where there is something to do, and otherwise within a while.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from loguru import logger as log

from botsession_operator.controller import Controller
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.watch_store import WatchStore

#: Returns when the first pass over a session is due, within this while, and how urgent it is.
FirstLook = Callable[[Key, timedelta], tuple[datetime, Priority]]
#: Within how many seconds quiet sessions are looked at. Many sessions take longer, so that they leave half of a
#: processor to new ones.
SPREAD_SECONDS: Final = 30.0
LOOKS_PER_SECOND: Final = 100.0
#: Deciding when to look at a session takes some 0.1 ms. After so many, other tasks get their turn.
SESSIONS_AT_ONCE: Final = 50
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Backlog:
    """Passes events and pokes to the controller while this operator leads."""

    def __init__(self, controller: Controller, store: WatchStore) -> None:
        self._controller = controller
        self._store = store
        self._is_leading = False
        #: Until this is set, all sessions are looked at at once.
        self.first_look: FirstLook = lambda _key, _spread: (LONG_AGO, Priority.NORMAL)

    async def lead(self) -> None:
        """Mark all sessions dirty, now or later, and from now on each session with an event or a poke."""
        self._is_leading = True
        self._store.begin_to_lead()
        for key in self._store.orphans():
            self._controller.mark(key)
        spread = timedelta(seconds=max(SPREAD_SECONDS, len(self._store) / LOOKS_PER_SECOND))
        for number, key in enumerate(self._store.keys(), 1):
            self._look_first(key, spread)
            if number % SESSIONS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def changed(self, key: Key, priority: Priority) -> None:
        """Process an event of a session."""
        if self._is_leading:
            self._controller.mark(key, priority)

    def pod_changed(self, key: Key) -> None:
        """Process an event of a session's pod."""
        if self._is_leading:
            self._controller.mark_changed(key)

    def bot_ended(self, key: Key, pod_uid: str) -> None:
        """Process an event of a session's pod whose bot has ended."""
        if self._is_leading:
            self._controller.mark_bot_ended(key, pod_uid)

    def poked(self, key: Key) -> None:
        """Process a poke. A standby ignores it, since supervisors send pokes to the leader."""
        if self._is_leading:
            self._controller.mark_changed(key, Priority.LOW)

    def _look_first(self, key: Key, spread: timedelta) -> None:
        try:
            when, priority = self.first_look(key, spread)
        except Exception:  # noqa: BLE001  # a bug that one session meets must not keep the others waiting
            log.exception("first look failed", session=str(key))
            self._controller.mark(key)
            return
        if priority is Priority.LOW:
            self._controller.mark_at(key, when, priority)
        else:
            self._controller.mark(key, priority)
