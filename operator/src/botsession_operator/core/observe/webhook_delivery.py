"""What is known of an event that a webhook is sent: which it is, and how far its delivery has got."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from botsession_contract.documented import DocumentedEnum
from botsession_operator.api.status import Delivery


class EventType(DocumentedEnum):
    """What a webhook can be told of a session."""

    STARTED = "started", "The pipeline has started."
    FINISHED = "finished", "The session is over, and its finish is recorded."


class Answer(DocumentedEnum):
    """What became of one try to deliver an event."""

    DELIVERED = "Delivered", "The receiver answered with a 2xx status."
    GONE = "Gone", "The receiver answered with 410: it wants no more of the event."
    FAILED = "Failed", "The receiver answered anything else, or nothing in time; the operator retries."
    UNSIGNED = "Unsigned", "The operator could not use the signing secret, and so sent nothing; it retries."


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
    last_error: str = ""


#: One for each event that the webhook wants; none where there is no webhook.
Attempts = Mapping[EventType, Attempt]
