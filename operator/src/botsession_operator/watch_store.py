"""Sessions and pods as they were last seen, so that most passes do not read from the API server.

Objects come from watch events, from the API server's answers to the operator's own writes, and from live reads. The
newest resourceVersion wins, in any order of arrival.

A missing object proves nothing, since a watch may lag. An object that was not seen for long proves nothing either: a
new watch lists the objects that exist, but does not report deletions that were missed. `core/decide/live_reads.py`
decides which plans are made again from live reads.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Container, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from botsession_contract.names import KIND
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.observe import parse
from botsession_operator.core.observe.observed import Pod, Session
from botsession_operator.core.observe.untyped import mapping, text
from botsession_operator.core.session_key import Key, parse_key
from botsession_operator.core.spread import fraction_of

P = TypeVar("P", bound=Hashable)
T = TypeVar("T", bound=Session | Pod)
V = TypeVar("V")

#: For how many seconds an object is trusted after it was last seen. After a restart all objects would expire at the
#: same time, so each adds a part of the spread, which depends on its UID.
TRUST_SECONDS: Final = 300.0
TRUST_SPREAD_SECONDS: Final = 300.0
#: For how long after an operator has begun to lead no session is new to it: its watch may still bring what happened
#: while another one led. A watch that hangs ends after 75 s (`handlers.py`), and the next one connects within 10 s,
#: after a pause of 5 s. This is twice as long, for an attempt that fails.
MAX_WATCH_LAG_SECONDS: Final = 180.0
#: How many deleted objects are remembered, so that a late event does not add them again.
MAX_DELETED: Final = 16384
#: The type of a watch event for a new object. Listed objects have no type.
ADDED: Final = "ADDED"
DELETED: Final = "DELETED"


@dataclass(slots=True)
class _Entry(Generic[T]):
    uid: str
    version: str
    #: None for an object that cannot be parsed, such as one of another version of the CRD.
    parsed: T | None
    seen_at: float
    is_new: bool = False


class _Objects(Generic[P, T]):
    """Objects of one kind, by key, or by namespace and name."""

    def __init__(self, parse_object: Callable[[Json], T], monotonic: Callable[[], float]) -> None:
        self._parse = parse_object
        self._monotonic = monotonic
        self._entries: dict[P, _Entry[T]] = {}
        #: For each UID the version at which it was deleted, oldest first.
        self._deleted: OrderedDict[str, str] = OrderedDict()

    def __contains__(self, full_name: P) -> bool:
        return full_name in self._entries

    def __iter__(self) -> Iterator[P]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, full_name: P) -> T | None:
        entry = self._entries.get(full_name)
        return entry.parsed if entry else None

    def is_new(self, full_name: P) -> bool:
        entry = self._entries.get(full_name)
        return entry is not None and entry.is_new

    def is_trusted(self, full_name: P) -> bool:
        """Return whether the object can be parsed, and was seen recently."""
        entry = self._entries.get(full_name)
        if entry is None or entry.parsed is None:
            return False
        trust_seconds = TRUST_SECONDS + TRUST_SPREAD_SECONDS * fraction_of(entry.uid)
        return self._monotonic() - entry.seen_at < trust_seconds

    def show(self, full_name: P, raw: Json, *, is_new: bool = False) -> bool:
        """Record an object; return whether a pass would see a difference."""
        uid, version = _uid(raw), _version(raw)
        entry = self._entries.get(full_name)
        if self._is_deleted(uid, version) or (entry and _is_older(version, entry.version)):
            return False
        before = entry if entry and entry.uid == uid else None
        if before and before.version == version:
            before.seen_at = self._monotonic()
            return False
        parsed = self._read(raw)
        self._entries[full_name] = _Entry(uid, version, parsed, self._monotonic(), before.is_new if before else is_new)
        return before is None or parsed is None or not _is_equal_for_passes(parsed, before.parsed)

    def remove(self, full_name: P, uid: str, version: str = "") -> bool:
        """Remove an object that is gone, since this version if that is known; return whether it was in the store."""
        _remember(self._deleted, uid, version)
        entry = self._entries.get(full_name)
        if entry is None or entry.uid != uid:
            return False
        del self._entries[full_name]
        return True

    def remove_unlisted(
        self, is_listed: Callable[[P], bool], uids: Container[str], version: str
    ) -> list[tuple[P, T | None]]:
        """Remove what a list of this version should have and has not; return it.

        An object that is newer than the list stays. No UID is remembered as deleted, since no deletion was seen.
        """
        if not version.isdecimal():
            return []
        gone = [
            (full_name, entry.parsed)
            for full_name, entry in self._entries.items()
            if is_listed(full_name) and entry.uid not in uids and not _is_older(version, entry.version)
        ]
        for full_name, _ in gone:
            del self._entries[full_name]
        return gone

    def uid(self, full_name: P) -> str | None:
        entry = self._entries.get(full_name)
        return entry.uid if entry else None

    def distrust(self, full_name: P) -> None:
        """Expire an object, so that it is read live before it is used again."""
        if entry := self._entries.get(full_name):
            entry.seen_at = -math.inf

    def forget_new(self) -> None:
        """Mark no object as new."""
        for entry in self._entries.values():
            entry.is_new = False

    def _is_deleted(self, uid: str, version: str) -> bool:
        """Return whether an object is gone, unless this version is newer.

        A pod whose label is removed is deleted for the watch, and there again when it gets the label back.
        """
        deleted_at = self._deleted.get(uid)
        return deleted_at is not None and not _is_older(deleted_at, version)

    def _read(self, raw: Json) -> T | None:
        try:
            return self._parse(raw)
        except (SpecError, KeyError):
            return None


class WatchStore:
    """The objects that passes read instead of asking the API server."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sessions: _Objects[Key, Session] = _Objects(parse.parse_session, monotonic)
        self._pods: _Objects[tuple[str, str], Pod] = _Objects(parse.parse_pod, monotonic)
        #: For each session, the namespaces and names of its pods.
        self._pods_by_session: dict[Key, set[tuple[str, str]]] = {}
        #: Keys of sessions whose deletion a watch has reported, oldest first.
        self._gone: OrderedDict[Key, None] = OrderedDict()
        self._monotonic = monotonic
        #: Before this, in monotonic time, no session is new.
        self._new_from = -math.inf

    def __contains__(self, key: Key) -> bool:
        """Return whether a session of this key exists, as far as the watch has shown."""
        return key in self._sessions

    def __len__(self) -> int:
        """Return how many sessions are in the store."""
        return len(self._sessions)

    # Called by watches.

    def session_event(self, event_type: str | None, raw: Json) -> bool:
        """Record an event of a session; return whether the session needs a pass."""
        key = parse_key(*_full_name(raw))
        if key is None:
            return False
        if event_type == DELETED:
            self._sessions.remove(key, _uid(raw), _version(raw))
            _remember(self._gone, key, None)
            return True
        return self._sessions.show(key, raw, is_new=event_type == ADDED and self._monotonic() >= self._new_from)

    def pod_event(self, event_type: str | None, raw: Json) -> bool:
        """Record an event of a pod; return whether its session needs a pass."""
        if event_type == DELETED:
            self._remove_pod(_full_name(raw), _uid(raw), _version(raw))
            return True
        return self._show_pod(raw)

    def sessions_listed(self, namespace: str | None, uids: Container[str], version: str) -> list[Key]:
        """Remove the sessions that a list of a namespace, or of all, does not have; return their keys."""
        gone = self._sessions.remove_unlisted(lambda key: namespace in (None, key.namespace), uids, version)
        return [key for key, _ in gone]

    def pods_listed(self, namespace: str | None, uids: Container[str], version: str) -> list[Key]:
        """Remove the pods that a list of a namespace, or of all, does not have; return the keys of their sessions."""
        gone = self._pods.remove_unlisted(lambda place: namespace in (None, place[0]), uids, version)
        for full_name, pod in gone:
            self._index(full_name, pod, None)
        return [pod.owner.key for _, pod in gone if pod and pod.owner]

    # Called by writes and live reads.

    def show(self, raw: Json) -> None:
        """Record an object from an answer of the API server; ignore other kinds."""
        if raw.get("kind") == "Pod":
            self._show_pod(raw)
        elif raw.get("kind") == KIND and (key := parse_key(*_full_name(raw))):
            self._sessions.show(key, raw)

    def session_uid(self, key: Key) -> str | None:
        """Return the UID of the session that is in the store under this key."""
        return self._sessions.uid(key)

    def session_is_missing(self, key: Key, uid: str | None) -> None:
        """Remove a session that a request did not find.

        `uid` is the session that was in the store when the request began: a new one may have its name by now.
        """
        if uid is not None:
            self._sessions.remove(key, uid)

    def pod_is_missing(self, namespace: str, name: str) -> None:
        """Remove a pod that a live read did not find."""
        pod = self._pods.get((namespace, name))
        if pod:
            self._remove_pod((namespace, name), pod.uid)

    def distrust(self, key: Key) -> None:
        """Expire a session and its pods, so that they are read live: a write has shown that they have changed."""
        self._sessions.distrust(key)
        for full_name in self._pods_by_session.get(key, ()):
            self._pods.distrust(full_name)

    def begin_to_lead(self) -> None:
        """Mark no session as new: another operator may have started it before this one became the leader.

        The same holds for sessions that a lagging watch brings in the next minutes.
        """
        self._sessions.forget_new()
        self._new_from = self._monotonic() + MAX_WATCH_LAG_SECONDS

    # Called by an operator that begins to lead.

    def keys(self) -> Iterator[Key]:
        """Yield the keys of all sessions."""
        return iter(self._sessions)

    def orphans(self) -> list[Key]:
        """Return the keys of sessions that do not exist and have pods."""
        return [key for key in self._pods_by_session if key not in self._sessions]

    def last_seen_pod(self, namespace: str, name: str) -> Pod | None:
        """Return a pod as it was last seen, however long ago: a quiet pod causes no events.

        This is enough to choose when a pass looks at it. The pass itself does not use what was seen long ago.
        """
        return self._pods.get((namespace, name))

    # Called by passes.

    def is_trusted(self, key: Key) -> bool:
        """Return whether a session is in the store, can be parsed, and was seen recently."""
        return self._sessions.is_trusted(key)

    def is_new(self, key: Key) -> bool:
        """Return whether this operator saw the session's creation as the leader: no other one has started it."""
        return self._sessions.is_new(key)

    def is_gone(self, key: Key) -> bool:
        """Return whether a watch has reported a session's deletion, and none of its name since.

        If there is a new session, which the watch has not shown yet, its event marks the key dirty again.
        """
        return key in self._gone and key not in self._sessions

    def session(self, key: Key) -> Session | None:
        """Return a session as it was last seen."""
        return self._sessions.get(key)

    def pod(self, namespace: str, name: str) -> Pod | None:
        """Return a pod as it was last seen; None where that was long ago."""
        full_name = (namespace, name)
        return self._pods.get(full_name) if self._pods.is_trusted(full_name) else None

    def is_outdated_pod(self, namespace: str, name: str) -> bool:
        """Return whether a pod is in the store, and was last seen long ago."""
        return (namespace, name) in self._pods and not self._pods.is_trusted((namespace, name))

    def pods_of(self, key: Key) -> list[Pod]:
        """Return the pods that belong to a session of this key, or to an earlier one of its name."""
        return [pod for full_name in self._pods_by_session.get(key, ()) if (pod := self._pods.get(full_name))]

    def _show_pod(self, raw: Json) -> bool:
        full_name = _full_name(raw)
        before = self._pods.get(full_name)
        is_change = self._pods.show(full_name, raw)
        self._index(full_name, before, self._pods.get(full_name))
        return is_change

    def _remove_pod(self, full_name: tuple[str, str], uid: str, version: str = "") -> None:
        before = self._pods.get(full_name)
        self._pods.remove(full_name, uid, version)
        self._index(full_name, before, self._pods.get(full_name))

    def _index(self, full_name: tuple[str, str], before: Pod | None, after: Pod | None) -> None:
        """Update the index by session. A pod's owner may change, as with `kubectl delete --cascade=orphan`."""
        was, owner = before and before.owner, after and after.owner
        if was == owner:
            return
        if was:
            self._pods_by_session[was.key].discard(full_name)
            if not self._pods_by_session[was.key]:
                del self._pods_by_session[was.key]
        if owner:
            self._pods_by_session.setdefault(owner.key, set()).add(full_name)


def _full_name(raw: Json) -> tuple[str, str]:
    metadata = mapping(raw.get("metadata"))
    return text(metadata.get("namespace")), text(metadata.get("name"))


def _remember(remembered: OrderedDict[P, V], deleted: P, value: V) -> None:
    """Remember one more deletion, and forget the oldest where there are too many."""
    remembered[deleted] = value
    if len(remembered) > MAX_DELETED:
        remembered.popitem(last=False)


def _uid(raw: Json) -> str:
    return text(mapping(raw.get("metadata")).get("uid"))


def _version(raw: Json) -> str:
    return text(mapping(raw.get("metadata")).get("resourceVersion"))


def _is_older(version: str, than: str) -> bool:
    """Return whether a resourceVersion is older. Only growing numbers can be compared (KEP-5504)."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


def _is_equal_for_passes(one: Session | Pod, other: Session | Pod | None) -> bool:
    """Return whether two versions of an object are equal in all that passes read."""
    return other is not None and replace(one, resource_version=other.resource_version) == other
