"""Finds keys that are known by their form, wherever they come from: a key that stands in a bot's code, say. Pure.

Each pattern reads a text once: what it repeats is bounded, or cannot be matched in two ways.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

Span = tuple[int, int]

#: What stands for characters that were left out.
MASK: Final = r"…|\.{3}|\*{2,}|•{2,}"
_MASK: Final = re.compile(MASK)
#: What a secret is called.
WORDS: Final = "api_?key|key|token|secret|passw(?:or)?d|credentials?|sig(?:nature)?"


def _is_key(body: str) -> bool:
    """Return whether what follows `sk-` is a key's, and no word's as in `sk-learn`."""
    return bool(_MASK.search(body)) or (len(body) >= 8 and _has_digit(body))


def _is_token(found: re.Match[str]) -> bool:
    """Return whether what follows `Bearer` or `Authorization:` is no word, as in `Basic authentication`."""
    value = found[1]
    return len(value) > 15 or not value.isalpha() or not (value.islower() or value == value.capitalize())


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


_AT: Final = r"(?<![A-Za-z0-9])"
#: A pattern, the group that is taken out, and what else must hold.
_PATTERNS: Final[tuple[tuple[re.Pattern[str], int, Callable[[re.Match[str]], bool] | None], ...]] = (
    # OpenAI, Anthropic, Stripe and many others; also as they show it themselves, with asterisks.
    (re.compile(rf"{_AT}(?:sk|pk|rk|whsec)[-_]((?:[A-Za-z0-9_-]|{MASK}){{3,}})"), 0, lambda it: _is_key(it[1])),
    (re.compile(rf"{_AT}(?:AKIA|ASIA|ABIA|ACCA)(?:[0-9A-Z]{{8,}}|[0-9A-Z]*(?:{MASK})[0-9A-Z]*)"), 0, None),
    (re.compile(rf"{_AT}AIza(?:[\w-]{{8,}}|[\w-]*(?:{MASK})[\w-]*)"), 0, None),
    (re.compile(rf"{_AT}(?:gh[pousr]_|github_pat_|glpat-)(?:\w|-|{MASK}){{6,}}"), 0, None),
    (re.compile(rf"{_AT}(?:xox[a-z]|xapp)-(?:[\w-]|{MASK}){{6,}}"), 0, None),
    (re.compile(rf"{_AT}(?:hf_|gsk_|npm_|r8_|xai-|pypi-|dop_v1_|sbp_|tvly-)[\w-]{{16,}}"), 0, None),
    (re.compile(rf"{_AT}(?:hvs\.|ya29\.|GOCSPX-)[\w-]{{8,}}"), 0, None),
    (re.compile(rf"{_AT}SG\.[\w-]{{8,}}\.[\w-]{{8,}}"), 0, None),
    # JSON Web Tokens, also the beginning of one.
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[\w-]{6,}+(?:\.[\w-]*+(?:\.[\w-]*+)?|…|$)"), 0, None),
    (re.compile(r"""(?<=://)[^/\s"'<>`]+(?=@)"""), 0, None),  # https://user:password@host
    (re.compile(rf"(?<=[?&])(?:[\w-]*[_-])?(?:{WORDS})=([^&\s\"']+)", re.IGNORECASE), 1, None),
    (re.compile(r"\b(?:Bearer|Basic)\s{1,5}([\w.~+/=-]{6,})", re.IGNORECASE), 1, _is_token),
    (
        re.compile(
            r"""(?<![\w-])(?:(?:proxy-)?authorization|x-[\w-]{0,30}(?:key|token)|api-key|(?:set-)?cookie)
            ["']?\s{0,5}[:=]\s{0,5}["']?(?:(?:bearer|basic|token|digest|key)\s{1,5})?([^\s"',;\[\]{}()]{4,})""",
            re.IGNORECASE | re.VERBOSE,
        ),
        1,
        _is_token,
    ),
)
_MARKER: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{1,60}-----")
#: White space between the lines of a PEM block, also escaped, and then a line. Backwards an escape ends with the
#: backslash.
_LINE: Final = re.compile(r"""(?:\s|\\+[nr]?|["']){0,20}([A-Za-z0-9+/]++=*+)""")
_LINE_BACKWARDS: Final = re.compile(r"""(?:\s|\\|["']){0,20}(=*+[A-Za-z0-9+/]++)""")
#: A run of at least so many characters is no word that follows, or precedes, what is left of a block.
_SHORTEST_LINE: Final = 16


def find_keys(text: str) -> Iterator[Span]:
    """Yield where keys stand in a text."""
    for pattern, group, condition in _PATTERNS:
        for found in pattern.finditer(text):
            if condition is None or condition(found):
                yield found.span(group)
    yield from _pem_blocks(text)


def _pem_blocks(text: str) -> Iterator[Span]:
    """Yield where PEM blocks stand, also what is left of one that was cut off."""
    begin: re.Match[str] | None = None
    done = 0
    for marker in _MARKER.finditer(text):
        if begin and marker[1] == "END":
            yield begin.start(), marker.end()
        elif begin:
            yield from _beginning(text, begin, marker.start())
        elif marker[1] == "END":
            yield _lines_start(text, done, marker.start()), marker.end()
        begin = marker if marker[1] == "BEGIN" else None
        done = marker.end()
    if begin:
        yield from _beginning(text, begin, len(text))


def _beginning(text: str, begin: re.Match[str], limit: int) -> Iterator[Span]:
    """Yield a block that has no end, if there is more of it than its marker."""
    start = begin.end()
    while (line := _LINE.match(text, start, limit)) and (
        len(line[1]) >= _SHORTEST_LINE or line.end() == limit or _MASK.match(text, line.end())
    ):
        start = line.end()
    if start > begin.end():
        yield begin.start(), start


def _lines_start(text: str, limit: int, end: int) -> int:
    """Return where the lines before a marker begin. The last of them, next to the marker, may be short."""
    backwards, at = text[limit:end][::-1], 0
    while (line := _LINE_BACKWARDS.match(backwards, at)) and (at == 0 or len(line[1]) >= _SHORTEST_LINE):
        at = line.end()
    return end - at
