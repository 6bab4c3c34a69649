"""Rule: what an uninstallation waits for."""

from typing import Final

from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core import notify
from botsession_operator.core.delivery import EventType
from botsession_operator.core.observe import Pod
from botsession_operator.core.parse import parse_metadata, parse_pod, parse_session

NO_EVENTS: Final[frozenset[EventType]] = frozenset()


def still_to_end(sessions: list[Json], pods: list[Json], events: frozenset[EventType] = NO_EVENTS) -> tuple[str, ...]:
    """Name the sessions that are not over, or of which a webhook still is to hear, and the pods that are held or leave.

    `events` are those that the webhook wants.
    """
    live = (each for each in sessions if _is_live(each, events))
    leaving = (each for each in pods if _is_leaving(parse_pod(each)))
    return (*(f"session {_place(each)}" for each in live), *(f"pod {_place(each)}" for each in leaving))


def _is_live(raw: Json, events: frozenset[EventType]) -> bool:
    known = parse_metadata(raw)
    try:
        session = parse_session(raw)
    except SpecError:
        return known.is_held  # nothing can be recorded of it: it is over when it is let go
    is_heard_of = events.isdisjoint(notify.recorded_as_pending(session.status))
    return not session.is_finished or not is_heard_of or (known.is_deleting and known.is_held)


def _is_leaving(pod: Pod) -> bool:
    return pod.is_held or pod.is_deleting


def _place(raw: Json) -> str:
    return f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"
