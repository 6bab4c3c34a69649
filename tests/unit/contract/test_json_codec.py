"""Payloads to JSON and back, and the sentences for what does not fit."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.documented import DocumentedEnum
from botsession_contract.json_codec import (
    LOCAL,
    PayloadError,
    Unknown,
    camel,
    decode,
    decode_noting,
    encode,
    format_time,
    parse_time,
)
from botsession_contract.lifecycle import BotState, Cause


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


@dataclass(frozen=True, slots=True)
class Paint:
    colour: Colour


@dataclass(frozen=True, slots=True)
class Wall:
    painted: tuple[Paint, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    cause: Cause


@dataclass(frozen=True, slots=True)
class State:
    state: BotState


@dataclass(frozen=True, slots=True)
class Noted:
    name: str
    note: str | None = field(default=None, metadata=LOCAL)


OUTERS = st.builds(
    Outer,
    name=st.text(),
    is_big=st.booleans(),
    weight_seconds=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    colour=st.none() | st.sampled_from(Colour),
    inner=st.none() | st.builds(Inner, st.integers()),
    inners=st.lists(st.builds(Inner, st.integers())).map(tuple),
    at=st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
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


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 10**400], ids=["NaN", "infinity", "400 digits"])
def test_a_number_that_is_not_finite_is_refused(weight: float) -> None:
    with pytest.raises(PayloadError, match=r"^weightSeconds must be a finite number$"):
        decode(Outer, {"name": "x", "weightSeconds": weight})


def test_a_word_that_a_request_has_and_no_enum_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"^colour must be one of Red, Blue$"):
        decode(Outer, {"name": "x", "colour": "red"}, unknown=Unknown.REFUSE)


def test_a_word_of_another_version_for_which_nothing_stands_is_left_out_and_told() -> None:
    outer, words = decode_noting(Outer, {"name": "x", "colour": "Green", "inners": [{"size": 1, "colour": "Red"}]})
    assert (outer, words) == (Outer("x", inners=(Inner(1),)), ("colour Green",))


def test_an_item_that_cannot_be_without_its_word_is_left_out() -> None:
    painted = [{"colour": "Green"}, {"colour": "Blue"}]
    assert decode(Wall, {"painted": painted}) == Wall((Paint(Colour.BLUE),))


def test_a_payload_that_cannot_be_without_its_word_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"^colour must be one of Red, Blue$"):
        decode(Paint, {"colour": "Green"})


@pytest.mark.parametrize(("enum", "at"), [(Cause, "cause"), (BotState, "state")])
def test_nobody_may_ask_for_what_only_stands_for_unknown_words(enum: type[DocumentedEnum], at: str) -> None:
    classes: dict[type[DocumentedEnum], type[Any]] = {Cause: Asked, BotState: State}
    cls = classes[enum]
    with pytest.raises(PayloadError, match=f"^{at} must be one of (?!.*Unknown)"):
        decode(cls, {at: "Unknown"}, unknown=Unknown.REFUSE)


def test_what_a_reader_adds_is_not_on_the_wire() -> None:
    assert encode(Noted("x", note="mine")) == {"name": "x"}
    assert decode(Noted, {"name": "x", "note": "theirs"}) == Noted("x")


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


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-23:59",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "2199-12-31T23:59:59-12:00",
        "1970-01-01T00:00:00+14:00",
        "2026-01-31T09:30:00+99:99",
        "\uff12\uff10\uff12\uff16-01-31T09:30:00Z",
    ],
)
def test_no_time_raises_anything_but_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@given(st.datetimes(datetime(1970, 1, 3), datetime(2199, 12, 29)), st.integers(-1439, 1439), st.integers(-1, 1))  # noqa: DTZ001
def test_a_time_that_is_read_can_be_calculated_with(moment: datetime, minutes: int, sign: int) -> None:
    read = parse_time(format_time(moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))))
    widest = parse_time("2199-12-31T23:59:59Z") - parse_time("1970-01-01T00:00:00Z")
    assert read + sign * 2 * widest - read == sign * 2 * widest
