"""What of a bot's text a terminal gets to see."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botsession_contract.text import escape_controls, escape_in_json, has_controls, one_line

BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
TAGS = [0xE0000, 0xE0001, 0xE0041, 0xE007F]
OBEYED = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *BIDI, *TAGS, 0xD800, 0xDFFF]


@pytest.mark.parametrize("code", OBEYED, ids=hex)
def test_no_character_that_a_terminal_obeys_is_left(code: int) -> None:
    escaped = escape_controls(f"a{chr(code)}b")
    assert escaped.isprintable()
    assert not has_controls(escaped)


@pytest.mark.parametrize("text", ["Grüße, 你好, שלום, 👋🏽", "a\\x1bb", ""])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert escape_controls(text) == text


def test_characters_are_written_as_programs_write_them() -> None:
    assert escape_controls("\x1b]52;c;aGk=\x07\x9b\u202e") == r"\x1b]52;c;aGk=\x07\x9b\u202e"


def test_tag_is_written_as_json_and_programs_write_it() -> None:
    assert escape_controls("\U000e0041") == r"\U000e0041"
    assert escape_in_json('["\U000e0041"]') == r'["\udb40\udc41"]'


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert escape_controls("one\n\ttwo\r", keep="\n\t") == "one\n\ttwo\\x0d"


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(codec=None)))
def test_json_stays_the_same_json(text: str) -> None:
    escaped = escape_in_json(json.dumps([text], ensure_ascii=False, indent=4))
    assert json.loads(escaped) == [text]
    assert not has_controls(escaped.replace("\n", ""))


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_becomes_one_line_that_utf_8_can_hold(text: str) -> None:
    line = one_line(text)
    line.encode()
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line
