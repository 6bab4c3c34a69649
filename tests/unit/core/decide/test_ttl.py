"""Rule: when a finished session is deleted."""

from dataclasses import replace
from datetime import datetime

import pytest

from botsession_operator.api.status import ConditionType
from botsession_operator.core.decide import ttl
from botsession_operator.core.observe.observed import Session
from tests.builders import NOW, ago, later, over, session, started, unmet

OVER = over(since=60)
UNFINISHED = replace(OVER, conditions=(unmet(ConditionType.FINISHED, "NotFinished"),))


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        pytest.param(session(OVER), later(3600 - 60), id="an hour after its finish was recorded"),
        pytest.param(session(OVER, created_at=ago(7200)), later(3600 - 60), id="however long it lasted"),
        pytest.param(session(OVER, ttlAfterFinished="0s"), ago(60), id="at once"),
        pytest.param(session(OVER, ttlAfterFinished="never"), None, id="never"),
        pytest.param(session(ttlAfterFinished="0s"), None, id="a new session stays"),
        pytest.param(session(started(), ttlAfterFinished="0s"), None, id="a running session stays"),
        pytest.param(session(OVER, is_deleting=True), None, id="it is deleted once"),
        pytest.param(
            session(replace(OVER, finished_at=ago(7200))), later(3600 - 60), id="from when it was recorded, if late"
        ),
        pytest.param(session(UNFINISHED, ttlAfterFinished="0s"), None, id="what is not recorded stays"),
    ],
)
def test_a_record_lasts_until(seen: Session, at: datetime | None) -> None:
    assert ttl.expiry(seen) == at


@pytest.mark.parametrize(
    ("length", "expired"),
    [
        pytest.param("60s", True, id="to the second"),
        pytest.param("60.001s", False, id="not before"),
        pytest.param("never", False, id="never"),
    ],
)
def test_a_record_is_expired_when_its_time_is_over(length: str, expired: bool) -> None:
    assert ttl.is_expired(session(OVER, ttlAfterFinished=length), NOW) is expired
