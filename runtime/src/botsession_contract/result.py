"""What a bot may hand over as the result of its session: JSON, bounded, and such that every reader takes it.

It travels in the exit report, of which a kubelet keeps little, and ends in the session's status. The API server refuses
a status with a number that it cannot hold, and then nothing of the session would be recorded.
"""

import json
from typing import Any, Final

#: Of compact JSON in UTF-8: half of an exit report, so that whatever else is in it fits beside.
LARGEST_RESULT_BYTES: Final = 2048
#: Lists and objects inside each other.
MAX_LEVELS: Final = 32
#: The API server's whole numbers are of 64 bits.
LARGEST_WHOLE_NUMBER: Final = 2**63 - 1
#: Environment variable of the bot: the path of a file, into which it writes its result.
RESULT_FILE_ENV: Final = "BOTSESSION_RESULT_FILE"


class ResultError(ValueError):
    """This cannot be a session's result; the message is a sentence for the bot's author."""


def to_json(result: Any) -> bytes:
    """Return a result as compact JSON; raise ResultError where it is none that can be kept."""
    try:
        data = compact(result)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ResultError(f"a session's result must be JSON: {exc}") from exc
    if len(data) > LARGEST_RESULT_BYTES:
        raise ResultError(
            f"a session's result may take {LARGEST_RESULT_BYTES} bytes as compact JSON; this takes {len(data)}"
        )
    _check(result, MAX_LEVELS)
    return data


def compact(value: Any) -> bytes:
    """Return JSON without a byte too many; raise ValueError for what JSON, or UTF-8, does not know."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _check(value: Any, levels: int) -> None:
    if isinstance(value, dict | list | tuple):
        if levels == 0:
            raise ResultError(f"a session's result may have {MAX_LEVELS} levels of lists and objects")
        for member in value.values() if isinstance(value, dict) else value:
            _check(member, levels - 1)
    elif isinstance(value, int) and abs(value) > LARGEST_WHOLE_NUMBER:
        raise ResultError("a whole number in a session's result may have 64 bits; hand a longer one over as a string")
