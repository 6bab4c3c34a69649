"""Rule: how long something that failed waits before it is tried again."""

from datetime import timedelta
from typing import Final

import pytest

from botsession_operator.core.backoff import Backoff

BACKOFF: Final = Backoff(first=timedelta(seconds=5), longest=timedelta(minutes=5))


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 5), (1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (8, 300), (10_000, 300)],
)
def test_the_wait_doubles_up_to_its_ceiling(failures: int, seconds: float) -> None:
    assert BACKOFF.wait(failures, jitter=1).total_seconds() == seconds


def test_jitter_takes_off_half_at_most() -> None:
    assert [BACKOFF.wait(2, jitter).total_seconds() for jitter in (0, 0.5, 1)] == [5, 7.5, 10]
