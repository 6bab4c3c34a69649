"""Rule: how long the operator waits before a retry: exponential back-off with a ceiling and jitter."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: More doublings than any ceiling needs. A much larger exponent would overflow.
MAX_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """An exponential back-off."""

    first: timedelta
    longest: timedelta

    def wait(self, failures: int, jitter: float) -> timedelta:
        """Return the wait after this many failures in a row.

        `jitter`, between 0 and 1, spreads the retries of many sessions over the second half of the wait.
        """
        ceiling = min(self.longest, self.first * 2.0 ** min(max(failures, 1) - 1, MAX_DOUBLINGS))
        return ceiling * (1 + jitter) / 2
