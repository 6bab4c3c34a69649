"""JSON from outside: bounded before it is parsed, so that no input costs more than its size or raises another error.

`json.loads` raises RecursionError for deep input, and takes NaN, Infinity and numbers that no other reader can hold.
"""

import json
import math
import re
from typing import Any, Final

from botsession_contract.json_codec import PayloadError
from botsession_contract.text import escape_controls

#: Lists and objects inside each other: more than any payload has, and a result as deep as one may be beside it.
MAX_LEVELS: Final = 64
#: The API server's whole numbers have 64 bits.
SMALLEST_WHOLE_NUMBER: Final = -(2**63)
LARGEST_WHOLE_NUMBER: Final = 2**63 - 1
#: A string, which may be unterminated, or a bracket. Possessive, so that a scan is linear in the size of the text.
_TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
#: No 64-bit number has more digits; Python takes a time for long ones that grows with their square.
_MOST_DIGITS: Final = 20


def parse_json(raw: bytes | str, limit: int, *, levels: int = MAX_LEVELS) -> Any:
    """Return the JSON value in `raw`; raise PayloadError, and nothing else, if it is no JSON that every reader takes.

    `limit` bounds the size in bytes, `levels` the depth. NaN, Infinity, numbers beyond 64 bits and text that is not
    UTF-8 are refused.
    """
    text = _text(raw, limit)
    if _is_deeper(text, levels):
        raise PayloadError(f"the body has more than {levels} levels of lists and objects")
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_int=_whole, parse_float=_finite)
    except PayloadError:
        raise
    except (ValueError, RecursionError) as exc:
        raise PayloadError("the body is not JSON") from exc


def clean_text(text: str) -> str:
    """Return a text that the API server takes and that does nothing to a terminal; lines and tabs are kept."""
    return escape_controls(text.replace("\r\n", "\n"), keep="\n\t")


def clip_text(text: str, longest: int) -> str:
    """Return a text of at most so many bytes in UTF-8; one that was cut ends with an ellipsis."""
    raw = text.encode()
    return text if len(raw) <= longest else raw[: longest - 3].decode("utf-8", errors="ignore") + "…"


def clean_texts(value: Any, *, but: str = "") -> Any:
    """Return a JSON value with all its texts clean, except what is under the key `but`."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [clean_texts(item, but=but) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): item if key == but else clean_texts(item, but=but) for key, item in value.items()}
    return value


def _text(raw: bytes | str, limit: int) -> str:
    size = len(raw) if isinstance(raw, bytes) else len(raw.encode("utf-8", errors="surrogatepass"))
    if size > limit:
        raise PayloadError(f"the body has more than {limit} bytes")
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise PayloadError("the body is not UTF-8") from exc


def _is_deeper(text: str, levels: int) -> bool:
    if text.count("[") + text.count("{") <= levels:
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        if depth > levels:
            return True
    return False


def _refuse_constant(name: str) -> Any:
    raise PayloadError(f"{name} is not JSON")


def _whole(digits: str) -> int:
    if len(digits) <= _MOST_DIGITS and SMALLEST_WHOLE_NUMBER <= (number := int(digits)) <= LARGEST_WHOLE_NUMBER:
        return number
    raise PayloadError("a whole number has more than 64 bits")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise PayloadError("a number is too large")
    return number
