"""Finds values that are secret by the name before them: `password='correct horse'`, `"apiKey": "…"`. Pure.

A quoted value goes whole, up to its closing quote. Each character is searched for a closing quote a bounded number of
times, so that the work is linear in the length of the text.
"""

import re
from collections.abc import Iterator
from typing import Final

from botsession_runtime.key_patterns import WORDS, Span
from botsession_runtime.secret_values import MIN_SECRET_LENGTH, is_secret_name

#: A closing quote is looked for so far. Without one, the value ends with its line, as in a message that was cut off.
MAX_QUOTED_LENGTH: Final = 16 * 1024
#: Names that are as often those of something else.
_WEAK_NAMES: Final = frozenset({"key", "keys", "token", "tokens"})
#: Shorter values of a weak name are something else.
_SHORTEST_OF_WEAK_NAME: Final = 12
#: `api_key`, `apiKey2`, `PASSWORDS`.
_ENDS_AS_SECRET: Final = re.compile(rf"(?:{WORDS}|passphrase)s?[_-]?\d{{0,3}}$", re.IGNORECASE)
_NO_VALUES: Final = frozenset({"undefined", "missing", "required", "invalid", "unset"})
#: The name of a variable is no secret, nor are a number and what a program shows in place of a secret.
_NOTHING_SECRET: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|\d+|\$[({]?\w{1,80}[)}]?|[*•.…]+")
#: What may stand before the opening quote: a class that hides its value, and the prefix of bytes.
_BEFORE_QUOTE: Final = r"(?:[A-Za-z_][\w.]{0,60}\(\s?)?[bBrRuUfF]{0,2}"
#: A name, where it begins a line in a text that Python or JSON escaped, too: `\nsecret=`.
_NAME: Final = r"(?<![\w-])(?:(?<=\\)[nrt])?([\w-]{1,80}+)"
#: A name, perhaps quoted itself, and an opening quote, perhaps escaped.
_OPENING: Final = re.compile(
    rf"""{_NAME}\\{{0,16}}["']?\s{{0,8}}[:=]\s{{0,8}}{_BEFORE_QUOTE}(\\{{0,16}})(\"{{3}}|'{{3}}|["'])"""
)
_UNQUOTED: Final = re.compile(
    rf"""{_NAME}=(?!{_BEFORE_QUOTE}\\{{0,16}}["'])([^\s"'&,;\[\]{{}}()]{{{MIN_SECRET_LENGTH},}})"""
)
#: A quote, and the backslashes before it. In the middle of a run of backslashes it does not begin anew.
_CLOSING: Final = {quote: re.compile(rf"(?<!\\)(\\*)({quote})") for quote in ('"', "'", '"""', "'''")}
#: Another literal that Python joins to the one before it.
_CONTINUED: Final = re.compile(r"""(\s{1,80})[bBrRuUfF]{0,2}(\\{0,16})(["'])""")
_WORD: Final = re.compile(r"""[^"'\s\\]{0,200}""")


def find_named_values(text: str) -> Iterator[Span]:
    """Yield where values stand that are secret by their name."""
    for found in _UNQUOTED.finditer(text):
        if is_secret_value(found[1], found[2]):
            yield found.span(2)
    at = 0
    while opening := _OPENING.search(text, at):
        at = opening.end()
        if _may_be_secret(text, opening):
            for start, end, after in _literals(text, opening):
                at = after
                if _is_secret(text[start:end]):
                    yield start, end


def is_secret_value(name: str, value: str) -> bool:
    """Return whether a value is a secret by its name: `api_key`, and neither `token_type` nor `KeyError`."""
    return _is_name(name) and _is_secret(value) and (name.lower() not in _WEAK_NAMES or _is_key(value))


def _is_name(name: str) -> bool:
    return bool(_ENDS_AS_SECRET.search(name)) and is_secret_name(name)


def _may_be_secret(text: str, opening: re.Match[str]) -> bool:
    """Return whether a quoted value may be a secret, before its end is known."""
    name = opening[1]
    if not _is_name(name):
        return False
    return name.lower() not in _WEAK_NAMES or _is_key(_first_word(text, opening.end()))


def _first_word(text: str, start: int) -> str:
    word = _WORD.match(text, start)
    return word[0] if word else ""


def _is_key(word: str) -> bool:
    return len(word) >= _SHORTEST_OF_WEAK_NAME and any(map(str.isdigit, word))


def _is_secret(value: str) -> bool:
    return len(value) >= MIN_SECRET_LENGTH and value.lower() not in _NO_VALUES and not _NOTHING_SECRET.fullmatch(value)


def _literals(text: str, opening: re.Match[str]) -> Iterator[tuple[int, int, int]]:
    """Yield where each literal of a value starts and ends, and where the text after its closing quote starts."""
    start, slashes, quote = opening.end(), opening[2], opening[3]
    while True:
        end, after = _end(text, start, len(slashes), quote)
        yield start, end, after
        continued = _CONTINUED.match(text, after) if after > end else None
        # Another quote may be that of the text around, unless it stands on a line of its own, as in a long repr.
        if continued is None or ((slashes, quote) != continued.group(2, 3) and "\n " not in continued[1]):
            return
        start, slashes, quote = continued.end(), continued[2], continued[3]


def _end(text: str, start: int, slashes: int, quote: str) -> tuple[int, int]:
    """Return where a value ends, and where the text after its closing quote starts; the same where there is none.

    A quote after more backslashes than the opening one has is a part of the value.
    """
    limit = min(len(text), start + MAX_QUOTED_LENGTH)
    for closing in _CLOSING[quote].finditer(text, start, limit):
        if len(closing[1]) <= slashes:
            return closing.start(), closing.end()
    line_end = text.find("\n", start)
    end = len(text) if line_end < 0 else line_end
    return end, end
