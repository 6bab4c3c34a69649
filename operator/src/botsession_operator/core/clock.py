"""The port for the current time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of the current time in the operator."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...
