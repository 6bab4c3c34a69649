"""How many examples a property is tried with: always the same ones, and fewer of them where time is short.

`BOTSESSION_EXAMPLES` is the share: `make check` tries a fifth, and 4 tries four times as many.
"""

import os
from typing import Final

SHARE: Final = float(os.environ.get("BOTSESSION_EXAMPLES", "1"))


def examples(usual: int) -> int:
    """Return how many of the usual examples this run tries."""
    return max(1, round(usual * SHARE))
