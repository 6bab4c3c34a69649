"""Times as they are stored, told to a person: one that cannot be read costs its own words, and no other session's."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from botsession_contract.json_codec import parse_time

#: Stands where a time is that cannot be read.
UNREADABLE: Final = "?"


def moment(value: Any) -> datetime | None:
    """Return a stored time; None where there is none, and where nothing can be calculated with it."""
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None


def format_time(value: Any, describe: Callable[[datetime], str]) -> str:
    """Return the words for a stored time, or `?`."""
    at = moment(value)
    return UNREADABLE if at is None else describe(at)


def later(at: datetime, seconds: float) -> datetime | None:
    """Return the moment so many seconds later; None where the calendar does not have it."""
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:
        return None
