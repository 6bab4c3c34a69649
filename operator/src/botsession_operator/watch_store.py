"""Sessions and pods as they were last seen, so that a pass need not ask the API server.

Three things show an object to the store: an event of a watch, the API server's answer to one of the operator's own
writes, and a live read. The newest resourceVersion wins, in whatever order they arrive.

An absence here proves nothing, since a watch may lag. Nor does an object of which nothing has been seen for long: a
watch that was lost brings what there is now, but no deletion that it has missed. `core/decide/live_reads.py` says which
plans are made again from live reads.
"""

import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from botsession_contract.names import KIND
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.observe import parse
from botsession_operator.core.observe.observed import Pod, Session
from botsession_operator.core.observe.untyped import mapping, text
from botsession_operator.core.session_key import Key, parse_key

P = TypeVar("P", bound=Hashable)
T = TypeVar("T", bound=Session | Pod)

#: Seconds that an object is believed after it was last seen. The objects of a restart would all be read again at the
#: same moment, so each adds a share of the spread, which depends on its UID.
TRUST_SECONDS: Final = 300.0
TRUST_SPREAD_SECONDS: Final = 300.0
#: How many deleted objects are remembered, so that an event that comes late does not bring them back.
MOST_DELETED: Final = 16384
#: The watch's word for an object that has just been created; listed objects have no word at all.
ADDED: Final = "ADDED"
DELETED: Final = "DELETED"


@dataclass(slots=True)
class _Entry(Generic[T]):
    uid: str
    version: str
    #: None: it cannot be read, or is of another version of the CRD.
    known: T | None
    seen_at: float
    is_new: bool = False


class _Objects(Generic[P, T]):
    """Objects of one kind, by place."""

    def __init__(self, parse_object: Callable[[Json], T], monotonic: Callable[[], float]) -> None:
        self._parse = parse_object
        self._monotonic = monotonic
        self._entries: dict[P, _Entry[T]] = {}
        #: UIDs, oldest first.
        self._deleted: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, place: P) -> bool:
        return place in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, place: P) -> T | None:
        entry = self._entries.get(place)
        return entry.known if entry else None

    def entries(self) -> list[_Entry[T]]:
        return list(self._entries.values())

    def is_new(self, place: P) -> bool:
        entry = self._entries.get(place)
        return entry is not None and entry.is_new

    def is_trusted(self, place: P) -> bool:
        """Return whether the object can be read, and was seen lately."""
        entry = self._entries.get(place)
        if entry is None or entry.known is None:
            return False
        spread = TRUST_SPREAD_SECONDS * (zlib.crc32(entry.uid.encode()) % 1000) / 1000
        return self._monotonic() - entry.seen_at < TRUST_SECONDS + spread

    def show(self, place: P, raw: Json, *, is_new: bool = False) -> bool:
        """Remember an object as it is shown; return whether a pass would see a difference."""
        metadata = mapping(raw.get("metadata"))
        uid, version = text(metadata.get("uid")), text(metadata.get("resourceVersion"))
        entry = self._entries.get(place)
        if uid in self._deleted or (entry and _is_older(version, entry.version)):
            return False
        if entry and (entry.uid, entry.version) == (uid, version):
            entry.seen_at = self._monotonic()
            return False
        known = self._read(raw)
        is_first = entry is None or entry.uid != uid
        is_still_new = is_new if is_first or entry is None else entry.is_new
        self._entries[place] = _Entry(uid, version, known, self._monotonic(), is_still_new)
        return is_first or entry is None or known is None or not _looks_alike(known, entry.known)

    def remove(self, place: P, uid: str) -> bool:
        """Forget an object that is gone; return whether it was known."""
        self._deleted[uid] = None
        if len(self._deleted) > MOST_DELETED:
            self._deleted.popitem(last=False)
        entry = self._entries.get(place)
        if entry is None or entry.uid != uid:
            return False
        del self._entries[place]
        return True

    def remove_any(self, place: P) -> None:
        """Forget whatever is known of a place where a live read has found nothing."""
        if entry := self._entries.get(place):
            self.remove(place, entry.uid)

    def _read(self, raw: Json) -> T | None:
        try:
            return self._parse(raw)
        except (SpecError, KeyError):
            return None


class WatchStore:
    """What passes read in place of the API server."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sessions: _Objects[Key, Session] = _Objects(parse.parse_session, monotonic)
        self._pods: _Objects[tuple[str, str], Pod] = _Objects(parse.parse_pod, monotonic)
        #: The places of pods by the session that they belong to.
        self._places: dict[Key, set[tuple[str, str]]] = {}

    def __contains__(self, key: Key) -> bool:
        """Return whether a session of this key has been seen, and not its end."""
        return key in self._sessions

    def __len__(self) -> int:
        """Return how many sessions are known."""
        return len(self._sessions)

    # What watches call.

    def session_event(self, event_type: str | None, raw: Json) -> bool:
        """Take in an event of a session; return whether the session needs a pass."""
        key = parse_key(*_place(raw))
        if key is None:
            return False
        if event_type == DELETED:
            self._sessions.remove(key, text(mapping(raw.get("metadata")).get("uid")))
            return True
        return self._sessions.show(key, raw, is_new=event_type == ADDED)

    def pod_event(self, event_type: str | None, raw: Json) -> bool:
        """Take in an event of a pod; return whether its session needs a pass."""
        if event_type == DELETED:
            self._remove_pod(_place(raw), text(mapping(raw.get("metadata")).get("uid")))
            return True
        return self._show_pod(raw)

    # What writes and live reads call.

    def show(self, raw: Json) -> None:
        """Take in an object that the API server has answered with; one of another kind is ignored."""
        if raw.get("kind") == "Pod":
            self._show_pod(raw)
        elif raw.get("kind") == KIND and (key := parse_key(*_place(raw))):
            self._sessions.show(key, raw)

    def session_is_missing(self, key: Key) -> None:
        """Forget a session that a live read has not found."""
        self._sessions.remove_any(key)

    def pod_is_missing(self, namespace: str, name: str) -> None:
        """Forget a pod that a live read has not found."""
        pod = self._pods.get((namespace, name))
        if pod:
            self._remove_pod((namespace, name), pod.uid)

    def begin_to_lead(self) -> None:
        """Take no session for new any more that another operator may have begun to look after."""
        for entry in self._sessions.entries():
            entry.is_new = False

    # What passes call.

    def is_trusted(self, key: Key) -> bool:
        """Return whether a session can be read from here, and was seen lately."""
        return self._sessions.is_trusted(key)

    def is_new(self, key: Key) -> bool:
        """Return whether this operator has seen the session being created, so that no other one has served it."""
        return self._sessions.is_new(key)

    def session(self, key: Key) -> Session | None:
        """Return a session as it was last seen."""
        return self._sessions.get(key)

    def pod(self, namespace: str, name: str) -> Pod | None:
        """Return a pod as it was last seen; None for one that was not seen for long."""
        place = (namespace, name)
        return self._pods.get(place) if self._pods.is_trusted(place) else None

    def pods_of(self, key: Key) -> list[Pod]:
        """Return the pods that belong to a session of this key, or to an earlier one of its name."""
        return [pod for place in self._places.get(key, ()) if (pod := self._pods.get(place))]

    def _show_pod(self, raw: Json) -> bool:
        place = _place(raw)
        before = self._pods.get(place)
        is_news = self._pods.show(place, raw)
        self._index(place, before, self._pods.get(place))
        return is_news

    def _remove_pod(self, place: tuple[str, str], uid: str) -> None:
        before = self._pods.get(place)
        self._pods.remove(place, uid)
        self._index(place, before, self._pods.get(place))

    def _index(self, place: tuple[str, str], before: Pod | None, after: Pod | None) -> None:
        """Keep the places of a session's pods: a pod's owner may change, as with `kubectl delete --cascade=orphan`."""
        was, owner = before and before.owner, after and after.owner
        if was == owner:
            return
        if was:
            self._places[was.key].discard(place)
            if not self._places[was.key]:
                del self._places[was.key]
        if owner:
            self._places.setdefault(owner.key, set()).add(place)


def _place(raw: Json) -> tuple[str, str]:
    metadata = mapping(raw.get("metadata"))
    return text(metadata.get("namespace")), text(metadata.get("name"))


def _is_older(version: str, than: str) -> bool:
    """Compare two resourceVersions of one resource: numbers that grow (KEP-5504). Others cannot be compared."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


def _looks_alike(one: Session | Pod, other: Session | Pod | None) -> bool:
    """Return whether two versions of an object differ in nothing that is read of it."""
    return other is not None and replace(one, resource_version=other.resource_version) == other
