"""A value that is secret by its name goes whole, however it is quoted, and nothing of the text around it."""

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botsession_runtime import named_values
from botsession_runtime.named_values import MAX_QUOTED_LENGTH, find_named_values
from botsession_runtime.redact import redact


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("password='correct horse battery' of x", "password='[redacted]' of x"),
        ('{"client_secret": "abc def", "a": 1}', '{"client_secret": "[redacted]", "a": 1}'),
        ("{'password': b'correct horse', 'a': 1}", "{'password': b'[redacted]', 'a': 1}"),
        ("api_key=SecretStr('correct horse') of x", "api_key=SecretStr('[redacted]') of x"),
        ('Login(password = "it\'s me, you know", a=1)', 'Login(password = "[redacted]", a=1)'),
        ("{'password': 'it\\'s me', 'a': 'b'}", "{'password': '[redacted]', 'a': 'b'}"),
        (r'"{\"password\": \"a \\\" b c\", \"a\": 1}"', r'"{\"password\": \"[redacted]\", \"a\": 1}"'),
        ("password='''abc\ndef''' of x", "password='''[redacted]''' of x"),
        ("{'password': 'correct horse '\n  'battery'}", "{'password': '[redacted]'}"),
        ("x('password: \"abc def\" ') at y 'z'", "x('password: \"[redacted]\" ') at y 'z'"),
        (r"'first\npassword=\'abc def\' of x'", r"'first\npassword=\'[redacted]\' of x'"),
        ("password='cut off in the\nnext line", "password='[redacted]\nnext line"),
        ("password='$ecret horse'", "password='[redacted]'"),
        ("token='abc123def456 789'", "token='[redacted]'"),
        ("password=correct horse", "password=[redacted] horse"),
    ],
)
def test_value_goes_up_to_its_closing_quote(text: str, redacted: str) -> None:
    assert redact(text, ()) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "api_key=SecretStr('**********') base_url='x'",
        "api_key=SecretStr('') password=''",
        "key: 'the user asked' token='abc def' customer='correct horse battery'",
        "password='OPENAI_API_KEY' secret=\"${CRM}\" api_key='missing'",
        "token_type='bearer of news' secret_name='crm credentials'",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text, ()) == text


NAMED: Final[dict[str, Callable[[str], str]]] = {
    "a parameter": lambda secret: f"connect(password={secret!r}, a=1)",
    "a member": lambda secret: repr({"a": 1, "password": secret, "b": 2}),
    "bytes": lambda secret: repr({"password": secret.encode()}),
    "a hidden value": lambda secret: f"api_key=SecretStr({secret!r})",
    "JSON": lambda secret: json.dumps({"apiKey": secret, "b": 2}, indent=1),
    "JSON in JSON in JSON": lambda secret: json.dumps(json.dumps(json.dumps({"clientSecret": secret, "b": 2}))),
    "a repr of JSON": lambda secret: repr(json.dumps({"password": secret, "b": 2})),
    "a repr of a repr": lambda secret: repr({"cause": f"Login(password={secret!r})"}),
}
#: Few characters, so that each combination of those that mean something to a quotation comes up. None ends with a
#: backslash, which would make the closing quote a part of the value.
SECRETS: Final = st.text("aZ9 '\"\\,}é\n", min_size=8, max_size=40).map("z{}z".format)


def unquoted(text: str) -> str:
    """Return a text with one kind of quote and without escapes, on which Python decides by what is quoted."""
    return text.replace("\\", "").replace('"', "'")


@pytest.mark.parametrize("how", NAMED)
@settings(max_examples=100, deadline=None)
@given(secret=SECRETS)
def test_named_value_goes_and_all_else_stays(how: str, secret: str) -> None:
    assert unquoted(redact(NAMED[how](secret), ())) == unquoted(NAMED[how]("[redacted]"))


@settings(max_examples=100, deadline=None)
@given(secret=SECRETS, size=st.integers(0, 50))
def test_named_value_that_is_cut_off_goes(secret: str, size: int) -> None:
    start = "{'password': "
    redacted = redact(start + repr(secret)[: 7 + size], ())
    assert redacted.rstrip("'\"") in (f"{start}'[redacted]", f'{start}"[redacted]')


def steps(text: str) -> int:
    """Return how many characters are looked at for closing quotes, and how many functions are called."""
    count = 0

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"
        if event == "return" and frame.f_code is named_values._end.__code__:
            end, after = arg
            start = frame.f_locals["start"]
            count += after - start if after > end else min(MAX_QUOTED_LENGTH, len(text) - start)

    sys.setprofile(profile)
    try:
        for _ in find_named_values(text):
            pass
    finally:
        sys.setprofile(None)
    return count


PIECES: Final = [
    "password='",
    "password=\"'",
    "password='a\n",
    "password='correct horse' ",
    "token='a1",
    "token='abc123def456",
    "'a' ",
    "password='a' 'b' ",
    "password=\\'password=\\\\'password=\\\\\\\\'",
    "".join(f"password={chr(92) * count}{quote}" for count in range(16) for quote in ('"', "'", "'''", '"""')),
]


@pytest.mark.parametrize("piece", PIECES)
def test_steps_grow_with_the_length(piece: str) -> None:
    few, many = (steps((piece * length)[:length]) for length in (10_000, 80_000))
    assert many < 12 * max(few, 1000)


@pytest.mark.parametrize(
    "piece", ["\\", "a", "-", "a_key\\", "password=\\", "password =  ", "password=a.", "SecretStr("]
)
def test_megabyte_without_a_value_is_read(piece: str) -> None:
    text = (piece * 1_000_000)[:1_000_000]
    assert not any(end - start < 6 for start, end in find_named_values(text))
