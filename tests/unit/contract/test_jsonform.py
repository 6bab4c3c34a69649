"""Payloads to JSON and back, and the sentences for what does not fit."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.jsonform import PayloadError, Unknown, camel, decode, encode, format_time, parse_time


class Colour(StrEnum):
    RED = "Red"
    BLUE = "Blue"


@dataclass(frozen=True, slots=True)
class Inner:
    size: int


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    is_big: bool = False
    weight_seconds: float | None = None
    colour: Colour | None = None
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    at: datetime | None = None
    anything: Any = None


OUTERS = st.builds(
    Outer,
    name=st.text(),
    is_big=st.booleans(),
    weight_seconds=st.none() | st.floats(allow_nan=False),
    colour=st.none() | st.sampled_from(Colour),
    inner=st.none() | st.builds(Inner, st.integers()),
    inners=st.lists(st.builds(Inner, st.integers())).map(tuple),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(OUTERS)
def test_what_is_written_is_read_back(outer: Outer) -> None:
    assert decode(Outer, encode(outer), unknown=Unknown.REFUSE) == outer


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param([], "the body must be a JSON object", id="not an object"),
        pytest.param({}, "name is missing", id="a missing field"),
        pytest.param({"name": None}, "name is missing", id="null is absent"),
        pytest.param({"name": 1}, "name must be of type string", id="a number for a string"),
        pytest.param({"name": "x", "isBig": 1}, "isBig must be of type boolean", id="a number for a boolean"),
        pytest.param({"name": "x", "inner": {"size": True}}, "inner.size must be of type integer", id="true for 1"),
        pytest.param({"name": "x", "inner": {"size": 1.0}}, "inner.size must be of type integer", id="a float for 1"),
        pytest.param({"name": "x", "weightSeconds": "1"}, "weightSeconds must be of type number", id="a string for 1"),
        pytest.param({"name": "x", "weightSeconds": True}, "weightSeconds must be of type number", id="true for 1.0"),
        pytest.param({"name": "x", "colour": "red"}, "colour must be one of Red, Blue", id="an unknown enum value"),
        pytest.param({"name": "x", "colour": ["Red"]}, "colour must be one of Red, Blue", id="a list for an enum"),
        pytest.param({"name": "x", "inners": {}}, "inners must be a list", id="an object for a list"),
        pytest.param({"name": "x", "inners": [{}]}, "inners[0].size is missing", id="a path into a list"),
        pytest.param({"name": "x", "inner": 3}, "inner must be a JSON object", id="a number for an object"),
        pytest.param(
            {"name": "x", "at": "yesterday"},
            "at must be an RFC 3339 time such as 2026-01-31T09:30:00Z",
            id="a time that is none",
        ),
    ],
)
def test_what_does_not_fit_is_named(data: object, sentence: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(Outer, data)
    assert str(caught.value) == sentence


def test_unknown_field_is_ignored_between_versions() -> None:
    assert decode(Outer, {"name": "x", "nmae": 1}) == Outer("x")


def test_unknown_field_is_refused_in_requests_with_what_is_known() -> None:
    with pytest.raises(PayloadError, match=r"^unknown field inner\.sise; known are size$"):
        decode(Outer, {"name": "x", "inner": {"size": 1, "sise": 2}}, unknown=Unknown.REFUSE)


def test_whole_number_passes_for_a_float() -> None:
    weight = decode(Outer, {"name": "x", "weightSeconds": 3}).weight_seconds
    assert (weight, type(weight)) == (3.0, float)


@pytest.mark.parametrize(
    ("snake", "expected"), [("pod_ip", "podIP"), ("requested_at", "requestedAt"), ("token_sha256", "tokenSha256")]
)
def test_names_are_written_as_kubernetes_writes_them(snake: str, expected: str) -> None:
    assert camel(snake) == expected


def test_times_are_written_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 1, 31, 11, 30, tzinfo=east)) == "2026-01-31T09:30:00.000000Z"


@pytest.mark.parametrize("text", ["2026-01-31T09:30:00", "2026-01-31", "2026-13-31T09:30:00Z", "", "2026-01-31T09:30Z"])
def test_time_that_could_be_anywheres_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@pytest.mark.parametrize("text", ["2026-01-31T09:30:00Z", "2026-01-31t10:30:00+01:00", "2026-01-31T09:30:00.000z"])
def test_every_form_of_rfc_3339_is_read(text: str) -> None:
    assert parse_time(text) == datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
