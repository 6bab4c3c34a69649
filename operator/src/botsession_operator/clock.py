"""The wall clock."""

from datetime import UTC, datetime


class SystemClock:
    """Implements `core.clock.Clock`."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)
