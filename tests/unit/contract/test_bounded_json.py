"""JSON from outside is parsed within bounds, and refused with PayloadError alone."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.bounded_json import MAX_LEVELS, parse_json
from botsession_contract.json_codec import PayloadError

LIMIT = 4096
BRACKETS = st.text(st.sampled_from('[]{}"\\:,1 a'), max_size=300)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=5), inside, max_size=4),
    max_leaves=10,
)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@given(JSON)
def test_json_of_bounded_numbers_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(json.dumps(value), 10**6) == value


@given(st.binary(max_size=300) | BRACKETS | BRACKETS.map(str.encode))
def test_no_text_raises_anything_but_a_payload_error(raw: bytes | str) -> None:
    try:
        parsed = parse_json(raw, LIMIT)
    except PayloadError:
        return
    assert parsed == json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        pytest.param("[" * 4000, "levels", id="deeper than the interpreter's stack"),
        pytest.param('{"a":' * 800, "levels", id="objects"),
        pytest.param(nested(MAX_LEVELS + 1), "levels", id="one level too many"),
        pytest.param("NaN", "NaN is not JSON", id="NaN"),
        pytest.param("[-Infinity]", "-Infinity is not JSON", id="infinity"),
        pytest.param("1e999", "too large", id="a float that is infinite"),
        pytest.param("9" * 400, "64 bits", id="400 digits"),
        pytest.param(str(2**63), "64 bits", id="one more than 64 bits"),
        pytest.param(b"\xff", "UTF-8", id="no text"),
        pytest.param("", "not JSON", id="nothing"),
        pytest.param('"' + "x" * LIMIT, "more than 4096 bytes", id="too long"),
        pytest.param("€" * (LIMIT // 3 + 1), "more than 4096 bytes", id="bytes are counted, not characters"),
    ],
)
def test_what_no_reader_could_hold_is_refused(raw: bytes | str, sentence: str) -> None:
    with pytest.raises(PayloadError, match=sentence):
        parse_json(raw, LIMIT)


def test_as_many_levels_as_may_be_are_read() -> None:
    assert parse_json(nested(MAX_LEVELS), LIMIT) == json.loads(nested(MAX_LEVELS))


def test_brackets_in_strings_are_no_levels() -> None:
    text = json.dumps(["[" * 100, '"{' * 100])
    assert parse_json(text, LIMIT) == json.loads(text)


def test_depth_is_judged_before_parsing_however_low_the_interpreters_limit_is() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises(PayloadError, match="levels"):
            parse_json("[" * 500_000, 10**6)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 300_000, '"' * 600_000, '["' + "\\" * 600_000], ids=["escaped", "quotes", "slashes"]
)
def test_a_scan_is_linear_in_the_size_of_the_text(text: str) -> None:
    # A quadratic scan would take longer than the suite's time-out.
    with pytest.raises(PayloadError):
        parse_json("[" * 65 + text, 10**6)
