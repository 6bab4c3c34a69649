"""Wait between retries, with exponential back-off."""

import time
from typing import Final

FIRST_SECONDS: Final = 0.25
MAX_DELAY_SECONDS: Final = 15.0


class RetryDelay:
    """The delays of one loop: none after a success, then twice as long each time."""

    def __init__(self) -> None:
        self._next = 0.0

    def reset(self) -> None:
        """Record a success: the next delay is zero."""
        self._next = 0.0

    def wait(self) -> None:
        """Sleep for the next delay."""
        if self._next:
            time.sleep(self._next)
        self._next = min(max(FIRST_SECONDS, 2 * self._next), MAX_DELAY_SECONDS)
