"""Rule: what an uninstallation waits for."""

from typing import Final, NamedTuple

from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core import notify
from botsession_operator.core.delivery import EventType
from botsession_operator.core.observe import Pod, Session
from botsession_operator.core.parse import parse_metadata, parse_pod, parse_session

NO_EVENTS: Final[frozenset[EventType]] = frozenset()


class Left(NamedTuple):
    """What is still to happen, by name."""

    #: Sessions that are not over, and pods that are held or leave.
    to_end: tuple[str, ...] = ()
    #: Sessions that are over, and of which the webhook has not heard.
    to_tell: tuple[str, ...] = ()


def what_is_left(sessions: list[Json], pods: list[Json], events: frozenset[EventType] = NO_EVENTS) -> Left:
    """Name what an uninstallation waits for. `events` are those that the webhook wants."""
    untold = (each for each in sessions if _is_untold(each, events))
    live = (each for each in sessions if not _is_untold(each, events) and _is_live(each))
    leaving = (each for each in pods if _is_leaving(parse_pod(each)))
    to_end = (*(f"session {_place(each)}" for each in live), *(f"pod {_place(each)}" for each in leaving))
    return Left(to_end, tuple(f"session {_place(each)}" for each in untold))


def _is_untold(raw: Json, events: frozenset[EventType]) -> bool:
    session = _understood(raw)
    if session is None or not session.is_finished:
        return False
    return not events.isdisjoint(notify.recorded_as_pending(session.status))


def _is_live(raw: Json) -> bool:
    known, session = parse_metadata(raw), _understood(raw)
    if session is None:
        return known.is_held  # nothing can be recorded of it: it is over when it is let go
    return not session.is_finished or (known.is_deleting and known.is_held)


def _understood(raw: Json) -> Session | None:
    try:
        return parse_session(raw)
    except SpecError:
        return None


def _is_leaving(pod: Pod) -> bool:
    return pod.is_held or pod.is_deleting


def _place(raw: Json) -> str:
    return f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"
