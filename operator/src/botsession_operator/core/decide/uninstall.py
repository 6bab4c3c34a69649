"""Rule: what an uninstallation waits for."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.observe.observed import Pod, Session
from botsession_operator.core.observe.parse import parse_metadata, parse_pod, parse_session
from botsession_operator.core.observe.webhook_delivery import EventType
from botsession_operator.core.webhook import events_due

NO_EVENTS: Final[frozenset[EventType]] = frozenset()


class RemainingWork(NamedTuple):
    """What an uninstallation still waits for, as names of objects."""

    #: Sessions that are not over, and pods with the operator's finalizer or under deletion.
    to_end: tuple[str, ...] = ()
    #: Sessions that are over and have an event that the webhook has not received.
    to_deliver: tuple[str, ...] = ()


def remaining_work(sessions: list[Json], pods: list[Json], events: frozenset[EventType] = NO_EVENTS) -> RemainingWork:
    """Return what an uninstallation waits for. `events` are those that the webhook subscribes to."""
    to_end, to_deliver = [], []
    for raw in sessions:
        session = _parsed(raw)
        if _has_undelivered_events(session, events):
            to_deliver.append(f"session {_qualified_name(raw)}")
        elif _is_live(raw, session):
            to_end.append(f"session {_qualified_name(raw)}")
    leaving = (each for each in pods if _is_held_or_deleting(parse_pod(each)))
    return RemainingWork((*to_end, *(f"pod {_qualified_name(each)}" for each in leaving)), tuple(to_deliver))


def merge_remaining(parts: Iterable[RemainingWork]) -> RemainingWork:
    """Return the remaining work of several objects as one."""
    to_end, to_deliver = list[str](), list[str]()
    for part in parts:
        to_end += part.to_end
        to_deliver += part.to_deliver
    return RemainingWork(tuple(to_end), tuple(to_deliver))


def _has_undelivered_events(session: Session | None, events: frozenset[EventType]) -> bool:
    if session is None or not session.is_finished:
        return False
    return not events.isdisjoint(events_due.recorded_pending_events(session.status))


def _is_live(raw: Json, session: Session | None) -> bool:
    known = parse_metadata(raw)
    if session is None:
        return known.has_finalizer  # no status can be written for it, so it is over once it is released
    return not session.is_finished or (known.is_deleting and known.has_finalizer)


def _parsed(raw: Json) -> Session | None:
    try:
        return parse_session(raw)
    except SpecError:
        return None


def _is_held_or_deleting(pod: Pod) -> bool:
    return pod.has_finalizer or pod.is_deleting


def _qualified_name(raw: Json) -> str:
    return f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"
