"""The colours that a log may contain: those that leave its text visible."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

#: The escape sequence "select graphic rendition", which sets colours.
COLOUR: Final = re.compile(r"(\x1b\[[0-9;:]{0,64}m)")
RESET: Final = "\x1b[0m"
#: Allowed codes without parameters: bold to underlined, reversed, crossed out, their ends, and 8 or 16 colours.
#: Concealed (8) and blinking (5, 6) text and other fonts (10 to 20) are not: they can hide text.
_PLAIN: Final = frozenset({0, 1, 2, 3, 4, 7, 9, *range(21, 26), *range(27, 38), 39, *range(40, 48), 49})
_BRIGHT: Final = frozenset({*range(90, 98), *range(100, 108)})
#: Codes for 256 or for all colours; the next number says how many more follow.
_EXTENDED: Final = frozenset({"38", "48", "58"})
_FOLLOWING: Final = {"5": 2, "2": 4}
_WITH_COLONS: Final = re.compile(r"[345]8:[25](:\d*){1,7}|4:[0-5]")


def visible(colour: str) -> str:
    """Return a colour sequence without the codes that could hide text; an empty string where none is left."""
    kept = list(_visible(colour[2:-1].split(";")))
    return f"\x1b[{';'.join(kept)}m" if kept else ""


def _visible(words: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        follow = _FOLLOWING.get(words[at + 1], 0) if words[at] in _EXTENDED and at + 1 < len(words) else 0
        whole = words[at : at + 1 + follow]
        if (follow and len(whole) > follow) or (not follow and _is_plain(words[at])):
            yield from whole
        at += len(whole)


def _is_plain(word: str) -> bool:
    if ":" in word:
        return bool(_WITH_COLONS.fullmatch(word))
    return int(word or "0") in _PLAIN | _BRIGHT
