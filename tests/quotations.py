"""Secrets, and the ways in which messages quote them, for properties of the redaction."""

import base64
import json
import pprint
import re
import string
import textwrap
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import strategies as st

from botsession_runtime.quoted_secrets import Compact, is_plain
from botsession_runtime.redact import MAX_RUN_LENGTH
from botsession_runtime.secret_values import is_common

_BODIES: Final = string.ascii_letters + string.digits
#: A password may have any of these.
_ANY: Final = _BODIES + string.punctuation + "éß漢🔑\x1b"

Quotation = Callable[[str, str, int], str]


def _line(words: str) -> str:
    return " ".join(words.split())


#: Takes a secret, another text, and a number.
QUOTATIONS: Final[dict[str, Quotation]] = {
    "as it is": lambda secret, other, _: other + secret + other,
    "repr": lambda secret, other, _: f"{other} {secret!r}",
    "repr of a list": lambda secret, other, _: repr([other, secret]),
    "repr of a repr": lambda secret, *_: repr({"cause": repr(secret)}),
    "bytes": lambda secret, *_: repr(secret.encode()),
    "JSON": lambda secret, other, _: json.dumps({"key": secret, "other": other}),
    "JSON in JSON": lambda secret, *_: json.dumps(json.dumps(json.dumps([secret]))),
    "JSON with its characters": lambda secret, *_: json.dumps([secret], ensure_ascii=False),
    "shortened as pydantic does": lambda secret, *_: (
        f"input_value={repr(secret)[:25]}...{repr(secret)[-24:]}, input_type"
    ),
    "shortened": lambda secret, _, size: f"{secret[: 8 + size % 20]}…{secret[-8 - size % 9 :]}",
    "the beginning": lambda secret, other, size: f"{other} {secret[: 8 + size]}",
    "the end": lambda secret, other, size: f"{secret[size % len(secret) :]} {other}",
    "the middle": lambda secret, other, size: other + secret[size % 5 : size % 5 + 8 + size] + other,
    "in a URL": lambda secret, other, _: f"https://host.example/v1?{urlencode({'a': other, 'x': secret})}&b=2",
    "quoted for a path": lambda secret, *_: f"https://host.example/{quote(secret, safe='')}/{quote(secret)}",
    "quoted with pluses": lambda secret, *_: quote_plus(secret),
    "quoted twice": lambda secret, *_: quote(quote(secret, safe=""), safe=""),
    "base64": lambda secret, *_: base64.b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret, other, _: base64.urlsafe_b64encode(f"{other}{secret}{other}".encode()).decode(),
    "base64 in a longer one": lambda secret, _, size: base64.b64encode(f"{'u' * size}:{secret}:x".encode()).decode(),
    "base64 in lines": lambda secret, *_: base64.encodebytes(secret.encode()).decode(),
    "hexadecimal": lambda secret, *_: secret.encode().hex(),
    "hexadecimal in upper case": lambda secret, *_: secret.encode().hex().upper(),
    "in lines": lambda secret, _, size: "\n    ".join(textwrap.wrap(secret, size + 1, break_on_hyphens=False)),
    "in groups": lambda secret, _, size: " ".join(secret[at : at + size + 1] for at in range(0, len(secret), size + 1)),
    "in halves of a literal": lambda secret, _, size: pprint.pformat([secret], width=size + 12),
    "in other letters": lambda secret, *_: secret.swapcase(),
    "folded": lambda secret, *_: _line(f"bad {secret}"),
}


def keys(smallest: int = MAX_RUN_LENGTH) -> st.SearchStrategy[str]:
    """Return secrets as providers make them: letters and digits, with a few signs."""
    return st.text(_BODIES + "-_.~+/=", min_size=smallest, max_size=90).filter(_is_key)


def passwords() -> st.SearchStrategy[str]:
    """Return secrets of any characters."""
    return st.text(_ANY, min_size=MAX_RUN_LENGTH, max_size=60).filter(_is_key)


def private_keys() -> st.SearchStrategy[str]:
    """Return keys of several lines."""
    line = st.text(_BODIES + "+/", min_size=24, max_size=64).filter(_is_key)
    return st.lists(line, min_size=1, max_size=5).map("\n".join)


def pem(lines: str) -> str:
    """Return a PEM block of these lines."""
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"


def runs_kept(text: str, secret: str) -> set[str]:
    """Return the runs of a secret that are in a text, compared without white space, backslashes and case."""
    kept, whole = Compact(text).text.replace("[redacted]", "\0"), Compact(secret).text
    return {run for run in _runs(whole) if run in kept}


def _runs(text: str) -> Iterable[str]:
    return (text[at : at + MAX_RUN_LENGTH] for at in range(len(text) - MAX_RUN_LENGTH + 1))


def _is_key(text: str) -> bool:
    """Return whether a text is one of which every run is kept back: see docs/reference/redaction.md for the others."""
    # Hypothesis also draws from the texts that stand in our code, such as a path of common words.
    words = re.findall(r"[^\W\d_]+", text)
    is_worded = is_plain(text) or any(map(is_common, (text, *words)))
    return not (is_worded or "://" in text or text[0] in "[{" or text != text.strip())
