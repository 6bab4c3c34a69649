"""Rule: which events the operator has yet to send to a webhook, and what the status records about them.

The write that records a start or a finish also records that its event is pending, so a crash of the operator loses no
event. After a crash between a delivery and its record, the next operator sends the event again under the same ID.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from botsession_operator.api.status import (
    ConditionStatus,
    ConditionType,
    Delivery,
    Status,
    WebhookStatus,
    find_condition,
)
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.observe.webhook_delivery import Attempt, EventType

#: The condition whose transition time says since when an event is due.
CONDITIONS: Final = {EventType.STARTED: ConditionType.STARTED, EventType.FINISHED: ConditionType.FINISHED}


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """What a pass does about the events that are pending."""

    send: tuple[EventType, ...]
    #: Events that the operator stops sending.
    give_up: tuple[EventType, ...]
    #: When the next attempt is due, or the next event is given up.
    next_attempt_at: datetime | None


def pending_events(observed: Observed) -> tuple[EventType, ...]:
    """Return the events that the webhook subscribes to and has not received. The session is kept until then."""
    return tuple(
        event
        for event in recorded_pending_events(observed.session.status)
        if event in observed.deliveries and observed.deliveries[event].outcome is None
    )


def recorded_pending_events(status: Status | None) -> tuple[EventType, ...]:
    """Return the events that are pending in the status, whether or not a webhook is still configured."""
    known = status.webhook if status else None
    return tuple(event for event in EventType if known and delivery_of(known, event) is Delivery.PENDING)


def plan_deliveries(
    observed: Observed, pending: tuple[EventType, ...], now: datetime, retry_for: timedelta
) -> DeliveryPlan:
    """Return what a pass does about the pending events. The end of an attempt causes a pass of its own."""
    give_up = tuple(event for event in pending if _is_expired(observed, event, now, retry_for))
    ready = (event for event in pending if event not in give_up and _is_ready(observed.deliveries[event], now))
    # A finish waits for the first attempt of its start, to keep the order.
    waits = EventType.STARTED in pending and not observed.deliveries[EventType.STARTED].failures
    send = tuple(event for event in ready if event is EventType.STARTED or not waits)
    return DeliveryPlan(send, give_up, min(_attempt_times(observed, pending, now, retry_for), default=None))


def webhook_status(observed: Observed, draft: Status) -> WebhookStatus | None:
    """Return the deliveries to record with a status."""
    before = observed.session.status
    known = before.webhook if before and before.webhook else WebhookStatus()
    new = _events_happened(draft) - (_events_happened(before) if before else frozenset())
    found = WebhookStatus(
        started=_recorded(observed, EventType.STARTED, known.started, new),
        finished=_recorded(observed, EventType.FINISHED, known.finished, new),
    )
    return found if found != WebhookStatus() else None


def delivery_of(webhook: WebhookStatus, event: EventType) -> Delivery | None:
    """Return the recorded delivery of one event."""
    return webhook.started if event is EventType.STARTED else webhook.finished


def _events_happened(status: Status) -> frozenset[EventType]:
    signs = {EventType.STARTED: status.started_at, EventType.FINISHED: status.finish}
    return frozenset(event for event, sign in signs.items() if sign)


def _recorded(
    observed: Observed, event: EventType, known: Delivery | None, new: frozenset[EventType]
) -> Delivery | None:
    if event not in observed.deliveries:
        return known
    if known is Delivery.PENDING:
        return observed.deliveries[event].outcome or known
    return Delivery.PENDING if known is None and event in new else known


def _is_ready(attempt: Attempt, now: datetime) -> bool:
    return not attempt.is_under_way and (attempt.next_at is None or attempt.next_at <= now)


def _is_expired(observed: Observed, event: EventType, now: datetime, retry_for: timedelta) -> bool:
    """Return whether to stop sending an event. Each operator, even a new one, tries an event at least once first."""
    attempt = observed.deliveries[event]
    was_tried = attempt.failures > 0 and not attempt.is_under_way
    return was_tried and now >= _due_since(observed, event, now) + retry_for


def _attempt_times(
    observed: Observed, pending: tuple[EventType, ...], now: datetime, retry_for: timedelta
) -> Iterator[datetime]:
    for event in pending:
        attempt = observed.deliveries[event]
        if attempt.next_at and not attempt.is_under_way:
            yield min(attempt.next_at, _due_since(observed, event, now) + retry_for)


def _due_since(observed: Observed, event: EventType, now: datetime) -> datetime:
    happened = find_condition(observed.session.status, CONDITIONS[event], ConditionStatus.TRUE)
    return happened.last_transition_time if happened else now
