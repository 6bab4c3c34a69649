"""A Key is a pair of DNS-1123 names, and nothing else can be made into one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_operator.core.session_key import InvalidKeyError, Key, parse_key

LONGEST = "a" * 63
#: Each is no name: in an API path, or in a log, it would be something else.
NO_NAMES = [
    "",
    ".",
    "..",
    "a/b",
    "../pods",
    "call-1?x",
    "call-1#x",
    "call-1%3Fx",
    "call-1&labelSelector=x",
    "call 1",
    "call-1\n",
    "\ncall-1",
    "call-1\r",
    "call-1\x00",
    "call-1\u2028",
    "-call",
    "call-",
    ".call",
    "call.",
    "Call",
    "call_1",
    "café",
    "call-\u0661",  # ARABIC-INDIC DIGIT ONE
    "call-\uff11",  # FULLWIDTH DIGIT ONE
    "call-\u212a",  # KELVIN SIGN, which becomes k in lower case
    "\ud800",
    LONGEST + "a",
]


@pytest.mark.parametrize("name", ["a", "0", "support-42", "x--y", LONGEST])
def test_a_label_names_a_namespace_and_a_session(name: str) -> None:
    assert str(Key(name, name)) == f"{name}/{name}"


def test_a_subdomain_names_a_session_but_no_namespace() -> None:
    assert Key("bots", "call-1.tenant").name == "call-1.tenant"
    with pytest.raises(InvalidKeyError, match="not a namespace"):
        Key("bots.tenant", "call-1")


@pytest.mark.parametrize("name", [*NO_NAMES, "a..b", "a.-b", "a-.b"])
def test_anything_else_names_no_session(name: str) -> None:
    with pytest.raises(InvalidKeyError, match="not the name of a session"):
        Key("bots", name)
    assert parse_key("bots", name) is None


@pytest.mark.parametrize("namespace", NO_NAMES)
def test_anything_else_names_no_namespace(namespace: str) -> None:
    with pytest.raises(InvalidKeyError, match="not a namespace"):
        Key(namespace, "call-1")
    assert parse_key(namespace, "call-1") is None


@pytest.mark.parametrize("nothing", [None, 5, True, [], {}, b"call-1"])
def test_what_is_no_text_names_nothing(nothing: object) -> None:
    assert parse_key("bots", nothing) is None
    assert parse_key(nothing, "call-1") is None


def test_a_refusal_quotes_only_the_beginning_of_what_it_refuses() -> None:
    with pytest.raises(InvalidKeyError) as refused:
        Key("bots", "A" * 100_000)

    assert len(str(refused.value)) < 300


@given(st.text(), st.text())
def test_whatever_text_makes_a_key_has_only_letters_digits_dots_and_dashes(namespace: str, name: str) -> None:
    key = parse_key(namespace, name)

    assert key is None or re.fullmatch(r"[-a-z0-9]{1,63}/[-.a-z0-9]{1,63}", str(key), re.ASCII)


@given(st.from_regex(r"\A[-.a-z0-9]{1,70}\n?\Z"))
def test_what_looks_like_a_name_makes_a_key_only_where_each_part_of_it_is_a_label(name: str) -> None:
    labels = name.split(".")
    are_labels = all(part and part[0] != "-" != part[-1] for part in labels)

    assert (parse_key("bots", name) is not None) == (are_labels and len(name) <= 63 and not name.endswith("\n"))
