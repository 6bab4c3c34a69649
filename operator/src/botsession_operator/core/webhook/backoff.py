"""Rule: how long the operator waits before it retries a message to a webhook.

The waits grow exponentially, and last at least as long as the receiver asked. The longest wait bounds that too: an
event stays undelivered for as long after the receiver has recovered, and some receivers say a day when they mean a
minute.
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
#: Statuses whose Retry-After counts. The operator follows no redirects, so theirs does not.
BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
#: A longer number cannot be meant, and may overflow a timedelta or exceed Python's limit on digits.
SECONDS: Final = re.compile(r"[0-9]{1,9}")
NO_WAIT: Final = timedelta(0)


def wait_before_retry(failures: int, reply: Reply, jitter: float) -> timedelta:
    """Return the wait after this many failures. `jitter`, between 0 and 1, spreads the retries of many events."""
    return max(BACKOFF.wait(failures, jitter), min(LONGEST, reply.retry_after))


def parse_retry_after(status: int, retry_after: str | None, now: datetime) -> timedelta:
    """Return how long a response asks the sender to wait, by its Retry-After: seconds, or a date (RFC 9110, 10.2.3)."""
    if status not in BUSY or retry_after is None:
        return NO_WAIT
    if SECONDS.fullmatch(retry_after.strip()):
        return timedelta(seconds=int(retry_after))
    return max(NO_WAIT, (_date(retry_after) or now) - now)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # not a date, or not one that exists
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
