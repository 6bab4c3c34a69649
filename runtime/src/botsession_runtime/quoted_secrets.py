"""What a message may quote of a secret: parts that are secret by themselves, and the forms they have there. Pure.

A text and a secret are compared without white space, backslashes and case (`Compact`). So a secret is found whichever
way, and however often, Python or JSON escaped it, and wherever its lines were broken.
"""

import base64
import binascii
import bisect
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote

from botsession_runtime.secret_values import LIKELY_SECRET, MIN_SECRET_LENGTH, is_common, is_secret_name

#: Longer secrets are looked for as they are, but not encoded.
MAX_ENCODED_LENGTH: Final = 16 * 1024
#: Documents inside documents, such as JSON in base64 in JSON.
MAX_LAYERS: Final = 3
#: Values of one document that are looked at.
MAX_VALUES: Final = 500

_UPPER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
#: White space, also escaped, backslashes, and what stands between two halves of a string literal: `'ab' 'cd'`.
_IGNORED: Final = re.compile(r"""(["'])\s+[bru]{0,2}\1|\s+|\\+[nrt]?""")
#: A word as one finds it in texts is not longer than this.
_WORDS: Final = re.compile(r"(?:[^\W\d_]{1,15}|\d{1,2})(?:[-_./:,@' ]{1,3}(?:[^\W\d_]{1,15}|\d{1,2}))*[:,.;=]{0,2}")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_MARKER: Final = re.compile(r"-----(?:BEGIN|END)[^-]{0,60}-----")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://(\S+)")
_PAIR: Final = re.compile(r"(?<![^;&\s,])[A-Za-z][\w.-]{0,63}=([^=;&\s][^;&\s]*)")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HTML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


class Compact:
    """A text without white space, backslashes and upper case, that knows where each character came from."""

    def __init__(self, text: str) -> None:
        pieces, self._starts, self._origins, at, length = [], [0], [0], 0, 0
        for ignored in _IGNORED.finditer(text):
            pieces.append(text[at : ignored.start()])
            length, at = length + ignored.start() - at, ignored.end()
            self._starts.append(length)
            self._origins.append(at)
        self.text = lower("".join((*pieces, text[at:])))

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return where the characters from `start` to `end` stand in the text."""
        return self._origin(start), self._origin(end - 1) + 1

    def _origin(self, position: int) -> int:
        piece = bisect.bisect_right(self._starts, position) - 1
        return self._origins[piece] + position - self._starts[piece]


def lower(text: str) -> str:
    """Return the text with ASCII letters in lower case. It keeps its length, which `str.lower` does not promise."""
    return text.lower() if text.isascii() else text.translate(_UPPER)


def is_plain(text: str) -> bool:
    """Return whether a text consists of what looks like words, of which parts are found by chance in other texts."""
    if not _WORDS.fullmatch(text):
        return False
    return all(word.islower() or word == word.capitalize() for word in _LETTERS.findall(text))


def parts(secret: str) -> Iterator[str]:
    """Yield a secret and what is secret in it by itself: members of JSON, a URL's password, values, lines."""
    yield secret
    yield from (each for each in _within(secret, MAX_LAYERS) if not is_common(each))


def fragments(part: str) -> Iterator[str]:
    """Yield the pieces of a part of which every run of characters is secret: none that looks like words, or a name."""
    if _document(part) is not None:
        return  # what is secret in it are its members
    for piece in _MARKER.split(part):
        run: list[re.Match[str]] = []
        for token in re.finditer(r"\S+", piece):
            if is_plain(token[0]) or _URL.fullmatch(token[0]):
                yield from _joined(piece, run)
                run = []
            else:
                run.append(token)
        yield from _joined(piece, run)


def forms(text: str) -> Iterator[str]:
    """Yield a text as programs write it: as it is, escaped, for a URL, for HTML, in base64 and as hexadecimal."""
    yield text
    raw = _encoded(text)
    if len(raw) > MAX_ENCODED_LENGTH:
        return
    yield from (repr(text)[1:-1], ascii(text)[1:-1], json.dumps(text)[1:-1], repr(raw)[2:-1])
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw), quote(quote(raw, safe=""), safe=""))
    yield text.translate(_HTML)
    yield raw.hex()
    yield from _in_base64(raw)


def _within(secret: str, layers: int) -> Iterator[str]:
    if layers == 0:
        return
    document = _document(secret)
    if document is not None:
        for value in _members(document):
            if not _is_address(value):
                yield value
            yield from _within(value, layers - 1)
        return
    if inner := _decoded(secret):
        yield from _within(inner, layers - 1)
    for token in secret.split():
        if address := _URL.fullmatch(token):
            yield from _in_url(address[1])
    values = _PAIR.findall(secret)
    yield from (value for value in values if len(value) >= MIN_SECRET_LENGTH and not _URL.fullmatch(value))
    lines = secret.splitlines()
    yield from (line.strip() for line in lines if len(lines) > 1 and _is_telling_line(line.strip()))


def _is_telling_line(line: str) -> bool:
    return len(line) >= LIKELY_SECRET and not _MARKER.fullmatch(line)


def _joined(piece: str, run: list[re.Match[str]]) -> Iterator[str]:
    if run:
        yield piece[run[0].start() : run[-1].end()]


def _document(text: str) -> Any:
    """Return the list or object in a text of JSON; None where there is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _members(document: Any) -> Iterator[str]:
    """Yield the values of a document that are long enough to be secret."""
    left: list[tuple[str, Any]] = [("", document)]
    found = 0
    while left and found < MAX_VALUES:
        name, value = left.pop()
        if isinstance(value, dict):
            left.extend(value.items())
        elif isinstance(value, list):
            left.extend((name, item) for item in value)
        elif not isinstance(value, bool | None):
            text = str(value)
            if len(text) >= (MIN_SECRET_LENGTH if is_secret_name(name) else LIKELY_SECRET):
                found += 1
                yield text


def _decoded(text: str) -> str | None:
    """Return the document that a text holds in base64."""
    if not _BASE64.fullmatch(text.strip()):
        return None
    try:
        raw = base64.b64decode(text.strip().translate(str.maketrans("-_", "+/")) + "==")
        inner = raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return inner if _document(inner) is not None or "\n" in inner else None


def _is_address(text: str) -> bool:
    """Return whether a text is a URL with nothing secret in it."""
    address = _URL.fullmatch(text)
    return bool(address) and not any(True for _ in _in_url(address[1] if address else ""))


def _in_url(rest: str) -> Iterator[str]:
    """Yield what is secret behind `://`: the password, and what does not look like words in the path and the query."""
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, after = (place if "@" in place else rest).rpartition("@")
    _, colon, password = user.partition(":")
    for each in {password, unquote(password)} if colon else {user}:
        if len(each) >= MIN_SECRET_LENGTH and (colon or not is_plain(each)):
            yield each
    path = rest[len(place) :] if "@" in place or not at else after
    for each in re.split(r"[/?#&=;]", path):
        if len(each) >= LIKELY_SECRET and not is_plain(each):
            yield each


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # an environment may hold bytes that are no text
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield the characters that bytes have in base64, wherever in a longer text they stand."""
    for before in range(3):
        code = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        # The first and the last characters depend on the neighbours.
        last = len(code) - 1 if (before + len(raw)) % 3 else len(code)
        inner = code[(0, 2, 3)[before] : last].decode()
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))
