"""What a standby has seen: the sessions that it would look after, so that it needs no list when it becomes the leader.

As long as it stands by, no session gets a pass. Then each that exists gets one.
"""

from botsession_operator.controller import Controller
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.watch_store import WatchStore


class Backlog:
    """Takes what events and pokes mark: it goes to the controller, once this operator leads."""

    def __init__(self, controller: Controller, store: WatchStore) -> None:
        self._controller = controller
        self._store = store
        self._is_leading = False
        self._sessions: dict[Key, Priority] = {}
        #: Sessions that a pod names, and that do not exist, or have not been seen yet: the pod may wait to be released.
        self._orphans: set[Key] = set()

    def __len__(self) -> int:
        return len(self._sessions) + len(self._orphans)

    def lead(self) -> None:
        """Have all sessions looked at, and from now on each of which something is heard."""
        self._is_leading = True
        self._store.begin_to_lead()
        for key, priority in self._sessions.items():
            self._controller.mark(key, priority)
        for key in self._orphans:
            self._controller.mark(key)
        self._sessions.clear()
        self._orphans.clear()

    def changed(self, key: Key, priority: Priority) -> None:
        """Take an event of a session."""
        if self._is_leading:
            self._controller.mark(key, priority)
        elif key in self._store:
            self._sessions[key] = priority
            self._orphans.discard(key)
        else:
            self._sessions.pop(key, None)

    def pod_changed(self, key: Key) -> None:
        """Take an event of a session's pod."""
        if self._is_leading:
            self._controller.mark_changed(key)
        elif key not in self._store:
            self._orphans.add(key)

    def pod_gone(self, key: Key) -> None:
        """Take the end of a session's pod, after the event that brought it."""
        self._orphans.discard(key)

    def poked(self, key: Key) -> None:
        """Take a poke; the leader gets all pokes that count."""
        if self._is_leading:
            self._controller.mark_changed(key, Priority.LOW)
