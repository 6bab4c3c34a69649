"""Sound that needs no recording: a tone to say, and how loud it is what was heard."""

import array
import math
from typing import Final

RATE: Final = 8000
#: A frame of sound, in seconds: what telephones send.
FRAME: Final = 0.02


def tone(seconds: float, rate: int = RATE) -> bytes:
    """Return a tone as 16-bit samples."""
    count = int(seconds * rate)
    return array.array("h", (int(8000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(count))).tobytes()


def loudness(sound: bytes) -> int:
    """Return the loudest of 16-bit samples."""
    return max(map(abs, array.array("h", sound)), default=0)
