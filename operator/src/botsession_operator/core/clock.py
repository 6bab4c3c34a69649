"""Where the time comes from."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; the only source of `now` in the operator."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...
