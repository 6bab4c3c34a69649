"""Rule: what an uninstallation waits for."""

from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.observe import Pod
from botsession_operator.core.parse import parse_metadata, parse_pod, parse_session


def still_to_end(sessions: list[Json], pods: list[Json]) -> tuple[str, ...]:
    """Name the sessions that are not over, and the pods that are held or on their way out."""
    live = (each for each in sessions if _is_live(each))
    leaving = (each for each in pods if _is_leaving(parse_pod(each)))
    return (*(f"session {_place(each)}" for each in live), *(f"pod {_place(each)}" for each in leaving))


def _is_live(raw: Json) -> bool:
    known = parse_metadata(raw)
    try:
        is_finished = parse_session(raw).is_finished
    except SpecError:
        return known.is_held  # nothing can be recorded of it: it is over when it is let go
    return not is_finished or (known.is_deleting and known.is_held)


def _is_leaving(pod: Pod) -> bool:
    return pod.is_held or pod.is_deleting


def _place(raw: Json) -> str:
    return f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"
