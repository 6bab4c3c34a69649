"""Read JSON of any shape. A value of another type counts as absent, so no function here raises."""

from datetime import datetime
from typing import Any

from botsession_contract.json_codec import parse_time
from botsession_operator.api.spec import Json


def mapping(value: Any) -> Json:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Json]:
    """Return the objects of a list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> tuple[str, ...]:
    """Return the strings of a list; none for anything else."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def text(value: Any) -> str:
    """Return a string; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int | None:
    """Return a whole number; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(value: Any) -> datetime | None:
    """Return an RFC 3339 time; None for anything else, and for a time too close to an end of the calendar."""
    try:
        return parse_time(text(value))
    except ValueError:
        return None
