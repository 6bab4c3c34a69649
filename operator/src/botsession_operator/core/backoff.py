"""Rule: how long something that failed waits before it is tried again: ever longer, up to a ceiling, with jitter."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: More doublings than any ceiling needs. The power of a large number would be an error.
MAX_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """An exponential back-off."""

    first: timedelta
    longest: timedelta

    def wait(self, failures: int, jitter: float) -> timedelta:
        """Return the wait after the last of so many failures.

        `jitter`, of 0 to 1, spreads the retries of many over the second half of the wait.
        """
        ceiling = min(self.longest, self.first * 2.0 ** min(max(failures, 1) - 1, MAX_DOUBLINGS))
        return ceiling * (1 + jitter) / 2
