"""Text from a bot, made safe to show: without characters that control a terminal."""

import re
from typing import Final

#: C0, DEL and C1 move the cursor, set the title or write to the clipboard. The separators break lines. The
#: bidirectional controls and marks show a text in another order than it has. Tags are invisible, and models read them.
#: Surrogates are no text at all.
_CONTROLS: Final = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f"
)
_ANY: Final = re.compile(f"[{_CONTROLS}]")
_SPACES: Final = re.compile(r"[\t\n\x0b\x0c\r\x1c-\x20\x85\u2028\u2029]+")


def has_controls(text: str) -> bool:
    """Return whether a text has a character that a terminal would obey."""
    return bool(_ANY.search(text))


def escape_controls(text: str, keep: str = "") -> str:
    r"""Return the text with its control characters written out, as `\x1b`, but for those to keep."""
    return _ANY.sub(lambda match: match[0] if match[0] in keep else _written(match[0]), text)


def escape_in_json(document: str) -> str:
    r"""Return a JSON document with the control characters in its strings written as JSON writes them, as `\u009b`."""
    return _ANY.sub(lambda match: match[0] if match[0] == "\n" else _in_json(match[0]), document)


def one_line(text: str) -> str:
    """Return the text as one line without control characters."""
    return escape_controls(_SPACES.sub(" ", text).strip())


def _written(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(character: str) -> str:
    """Return the character's UTF-16 units, as JSON writes them."""
    units = character.encode("utf-16-be", "surrogatepass").hex(" ", 2).split()
    return "".join(f"\\u{unit}" for unit in units)
