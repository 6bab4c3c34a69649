"""Format stored times. An unreadable time becomes a question mark, and does not break the output."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from botsession_contract.json_codec import parse_time

#: Replaces a time that cannot be read.
UNREADABLE: Final = "?"


def moment(value: Any) -> datetime | None:
    """Return a stored time; None where it is missing or cannot be read."""
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None


def format_time(value: Any, describe: Callable[[datetime], str]) -> str:
    """Return the description of a stored time, or `?` where it cannot be read."""
    at = moment(value)
    return UNREADABLE if at is None else describe(at)


def later(at: datetime, seconds: float) -> datetime | None:
    """Return the moment some seconds later; None where that exceeds the calendar."""
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:
        return None
