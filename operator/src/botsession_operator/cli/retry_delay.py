"""Wait between two tries of the same, longer and longer while nothing comes of them."""

import time
from typing import Final

FIRST_SECONDS: Final = 0.25
LONGEST_SECONDS: Final = 15.0


class RetryDelay:
    """The pauses of one loop: none after something has come, then twice as long each time."""

    def __init__(self) -> None:
        self._next = 0.0

    def reset(self) -> None:
        """Note that something has come."""
        self._next = 0.0

    def wait(self) -> None:
        """Pause."""
        if self._next:
            time.sleep(self._next)
        self._next = min(max(FIRST_SECONDS, 2 * self._next), LONGEST_SECONDS)
