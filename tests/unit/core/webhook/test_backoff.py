"""Rule: how long a message to a webhook waits before it is sent again."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_operator.core.observe.webhook_delivery import Answer, Reply
from botsession_operator.core.webhook.backoff import LONGEST, parse_retry_after, wait_before_retry
from tests.builders import NOW, ago, later


def failed(asked_seconds: float = 0) -> Reply:
    return Reply(Answer.FAILED, "503", timedelta(seconds=asked_seconds))


@pytest.mark.parametrize(
    ("failures", "jitter", "seconds"),
    [
        pytest.param(1, 1, 1, id="the first wait is short"),
        pytest.param(1, 0, 0.5, id="and up to half of it shorter"),
        pytest.param(5, 1, 16, id="each doubles the one before"),
        pytest.param(10, 1, 300, id="up to the longest"),
        pytest.param(10_000, 0, 150, id="however often it has failed"),
    ],
)
def test_waits_grow(failures: int, jitter: float, seconds: float) -> None:
    assert wait_before_retry(failures, failed(), jitter) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        pytest.param(90, 90, id="what it has asked for"),
        pytest.param(2, 16, id="no less than without it"),
        pytest.param(86_400, 300, id="no more than the longest"),
    ],
)
def test_a_receiver_that_asks_to_be_left_alone_is(asked: float, seconds: float) -> None:
    assert wait_before_retry(5, failed(asked), jitter=1) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        pytest.param(503, "120", 120, id="seconds"),
        pytest.param(429, " 7 ", 7, id="seconds, too often"),
        pytest.param(503, "0", 0, id="at once"),
        pytest.param(503, format_datetime(later(60), usegmt=True), 60, id="a date"),
        pytest.param(503, format_datetime(later(60)).replace("+0000", "-0000"), 60, id="a date of no zone is in UTC"),
        pytest.param(503, format_datetime(ago(60), usegmt=True), 0, id="a date that is past"),
        pytest.param(503, None, 0, id="nothing"),
        pytest.param(503, "-5", 0, id="less than nothing"),
        pytest.param(503, "1.5", 0, id="no whole number"),
        pytest.param(503, "soon", 0, id="a word"),
        pytest.param(503, "9" * 5000, 0, id="more than a number can be"),
        pytest.param(503, "Fri, 32 Jan 2026 12:00:00 GMT", 0, id="a day that there is not"),
        pytest.param(503, "Fri, 30 Jan 2026 12:00:00 +9999999999999", 0, id="a zone that there is not"),
        pytest.param(500, "120", 0, id="of an answer that has none"),
        pytest.param(302, "120", 0, id="of a redirect"),
    ],
)
def test_what_an_answer_asks_for(status: int, retry_after: str | None, seconds: float) -> None:
    assert parse_retry_after(status, retry_after, NOW) == timedelta(seconds=seconds)


@given(st.text() | st.datetimes().map(lambda at: format_datetime(at)))
def test_whatever_it_says_a_receiver_is_asked_again_in_time(said: str) -> None:
    asked = parse_retry_after(503, said, NOW)
    assert timedelta(0) < wait_before_retry(1, Reply(Answer.FAILED, "503", asked), jitter=0) <= LONGEST
