"""The sessions that a standby has seen, so that it needs no list when it becomes the leader.

While the operator is a standby, no session gets a pass. When it becomes the leader, each session that exists gets one.
"""

from botsession_operator.controller import Controller
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.watch_store import WatchStore


class Backlog:
    """Passes events and pokes to the controller while this operator leads, and keeps the sessions before that."""

    def __init__(self, controller: Controller, store: WatchStore) -> None:
        self._controller = controller
        self._store = store
        self._is_leading = False
        self._sessions: dict[Key, Priority] = {}
        #: Keys of sessions that do not exist, or were not seen yet, but have pods. The pods may need to be released.
        self._orphans: set[Key] = set()

    def __len__(self) -> int:
        return len(self._sessions) + len(self._orphans)

    def lead(self) -> None:
        """Mark all sessions dirty, and from now on each session with an event or a poke."""
        self._is_leading = True
        self._store.begin_to_lead()
        for key, priority in self._sessions.items():
            self._controller.mark(key, priority)
        for key in self._orphans:
            self._controller.mark(key)
        self._sessions.clear()
        self._orphans.clear()

    def changed(self, key: Key, priority: Priority) -> None:
        """Process an event of a session."""
        if self._is_leading:
            self._controller.mark(key, priority)
        elif key in self._store:
            self._sessions[key] = priority
            self._orphans.discard(key)
        else:
            self._sessions.pop(key, None)
            if self._store.pods_of(key):
                self._orphans.add(key)

    def pod_changed(self, key: Key) -> None:
        """Process an event of a session's pod."""
        if self._is_leading:
            self._controller.mark_changed(key)
        elif key not in self._store:
            self._orphans.add(key)

    def pod_gone(self, key: Key) -> None:
        """Process the deletion of a session's pod, after `pod_changed`."""
        self._orphans.discard(key)

    def poked(self, key: Key) -> None:
        """Process a poke. A standby ignores it, since supervisors send pokes to the leader."""
        if self._is_leading:
            self._controller.mark_changed(key, Priority.LOW)
