"""Rule: how long a message to a webhook waits before it is sent again.

Ever longer, and no less than the receiver has asked for. A receiver may not ask for more than the longest wait: that
long an event stays undelivered after the receiver is well again, and many have said a day where they meant a minute.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from botsession_operator.core.backoff import Backoff
from botsession_operator.core.observe.webhook_delivery import Reply

LONGEST: Final = timedelta(minutes=5)
BACKOFF: Final = Backoff(first=timedelta(seconds=1), longest=LONGEST)
#: Those that come with a Retry-After which is meant for us; a redirect's is not followed either.
BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
#: What is longer is no time that anybody means, and more than a timedelta or even an int may take.
SECONDS: Final = re.compile(r"[0-9]{1,9}")
NO_WAIT: Final = timedelta(0)


def wait_before_retry(failures: int, reply: Reply, jitter: float) -> timedelta:
    """Return the wait after the last of so many failures. `jitter`, of 0 to 1, keeps events from coming all at once."""
    return max(BACKOFF.wait(failures, jitter), min(LONGEST, reply.retry_after))


def parse_retry_after(status: int, retry_after: str | None, now: datetime) -> timedelta:
    """Return how long an answer asks to be left alone, by its Retry-After: seconds, or a date (RFC 9110, 10.2.3)."""
    if status not in BUSY or retry_after is None:
        return NO_WAIT
    if SECONDS.fullmatch(retry_after.strip()):
        return timedelta(seconds=int(retry_after))
    return max(NO_WAIT, (_date(retry_after) or now) - now)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # neither a date, nor one that there is
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
