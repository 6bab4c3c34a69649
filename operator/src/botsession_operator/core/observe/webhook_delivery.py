"""What is known of an event that a webhook is sent: which it is, and how far its delivery has got."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from botsession_operator.api.status import Delivery


class EventType(StrEnum):
    """What a webhook can be told of a session."""

    STARTED = "started"  # the pipeline has started
    FINISHED = "finished"  # the session is over and its finish is recorded


class Answer(StrEnum):
    """What became of one try to deliver an event."""

    DELIVERED = "Delivered"  # a 2xx
    GONE = "Gone"  # a 410: the receiver wants no more of it
    FAILED = "Failed"  # anything else, or nothing in time: it is tried again
    UNSIGNED = "Unsigned"  # not sent, since the signing secret could not be used: it is tried again


class Reply(NamedTuple):
    """An answer, and in a word or two what it was made of."""

    answer: Answer
    detail: str
    #: How long the receiver has asked to be left alone.
    retry_after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far an event's delivery has got, as this operator knows: another one begins anew."""

    failures: int = 0
    is_under_way: bool = False
    #: When it is tried again, after a failure.
    next_at: datetime | None = None
    #: Known here before it is recorded.
    outcome: Delivery | None = None
    #: What the last try failed by.
    trouble: str = ""


#: One for each event that the webhook wants; none where there is no webhook.
Attempts = Mapping[EventType, Attempt]
