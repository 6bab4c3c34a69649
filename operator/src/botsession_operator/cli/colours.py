"""The colours that a log may bring along: those that leave its text to be seen."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

#: "Select graphic rendition", the colours of a log. Nothing else of a terminal's language is like it.
COLOUR: Final = re.compile(r"(\x1b\[[0-9;:]{0,64}m)")
RESET: Final = "\x1b[0m"
#: What needs no more words: bold to underlined, reversed, crossed out, the ends of these, and 8 or 16 colours.
#: Concealed (8) and blinking (5, 6) text hides itself, and other fonts (10 to 20) may.
_PLAIN: Final = frozenset({0, 1, 2, 3, 4, 7, 9, *range(21, 26), *range(27, 38), 39, *range(40, 48), 49})
_BRIGHT: Final = frozenset({*range(90, 98), *range(100, 108)})
#: Of 256 colours, or of all: how many numbers follow, by the one that says which of them.
_EXTENDED: Final = frozenset({"38", "48", "58"})
_FOLLOWING: Final = {"5": 2, "2": 4}
_WITH_COLONS: Final = re.compile(r"[345]8:[25](:\d*){1,7}|4:[0-5]")


def visible(colour: str) -> str:
    """Return a colour without what would hide text; nothing where nothing else is left."""
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
