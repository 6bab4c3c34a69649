"""Durations as Kubernetes users write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_operator.api.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("30s", 30), ("1h30m", 5400), ("1.5m", 90), (".5s", 0.5), ("250ms", 0.25), ("5µs", 5e-6)],
)
def test_durations_that_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "-5s", "5 s", "5d", "s", "1h30", "soon", "٣s", "5s\n"])
def test_durations_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example 30s, 5m or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (-3, "0s"), (0.4, "0s"), (59.6, "1m"), (3723, "1h2m3s"), (3600, "1h"), (90000, "25h")],
)
def test_durations_as_they_are_written(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.integers(min_value=0, max_value=10**7))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
