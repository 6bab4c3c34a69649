"""The events that a webhook receives, and the state of their delivery."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from botsession_contract.documented import DocumentedEnum
from botsession_operator.api.status import Delivery


class EventType(DocumentedEnum):
    """An event of a session that a webhook can receive."""

    STARTED = "started", "The pipeline has started."
    FINISHED = "finished", "The session is over, and its finish is recorded."


class Answer(DocumentedEnum):
    """The result of one attempt to deliver an event."""

    DELIVERED = "Delivered", "The receiver answered with a 2xx status."
    GONE = "Gone", "The receiver answered with 410: it wants no more of the event."
    FAILED = "Failed", "The receiver answered anything else, or nothing in time; the operator retries."
    UNSIGNED = "Unsigned", "The operator could not use the signing secret, and so sent nothing; it retries."


class Reply(NamedTuple):
    """The result of one attempt, and what it rests on, for example the HTTP status."""

    answer: Answer
    detail: str
    #: How long the receiver asked the operator to wait.
    retry_after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The state of an event's delivery in this operator's memory. Another operator begins without it."""

    failures: int = 0
    is_under_way: bool = False
    #: When the operator retries after a failure.
    next_at: datetime | None = None
    #: The final result, known here before the status records it.
    outcome: Delivery | None = None
    #: Why the last attempt failed.
    last_error: str = ""


#: One for each event that the webhook subscribes to; empty without a webhook.
Attempts = Mapping[EventType, Attempt]
