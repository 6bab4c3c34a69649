"""Rule: which events a webhook is still to be sent, and what is recorded of that.

That an event is due is recorded in the write that records what it tells of, so an operator that dies loses none; one
that dies between a delivery and its record sends the event again, under the same id.
"""

from collections.abc import Iterator
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

#: Since when each event is due, by the operator's clock.
CONDITIONS: Final = {EventType.STARTED: ConditionType.STARTED, EventType.FINISHED: ConditionType.FINISHED}


def pending_events(observed: Observed) -> tuple[EventType, ...]:
    """Return the events that the webhook wants and is still to get: while there is one, the session is kept."""
    return tuple(
        event
        for event in recorded_pending_events(observed.session.status)
        if event in observed.deliveries and observed.deliveries[event].outcome is None
    )


def recorded_pending_events(status: Status | None) -> tuple[EventType, ...]:
    """Return the events that are to be delivered by what is recorded, whether or not there still is a webhook."""
    known = status.webhook if status else None
    return tuple(event for event in EventType if known and delivery_of(known, event) is Delivery.PENDING)


def due(observed: Observed, now: datetime, retry_for: timedelta) -> tuple[EventType, ...]:
    """Return the events to send now. A finish waits for the first try of its start, so that they come in order."""
    expired_events, pending = expired(observed, now, retry_for), pending_events(observed)
    ready = (event for event in pending if event not in expired_events and _is_ready(observed.deliveries[event], now))
    return tuple(
        event for event in ready if event is EventType.STARTED or not _has_not_been_tried(observed, EventType.STARTED)
    )


def expired(observed: Observed, now: datetime, retry_for: timedelta) -> tuple[EventType, ...]:
    """Return the events that are not tried again: each has been tried by this operator, which may be a new one."""
    return tuple(
        event
        for event in pending_events(observed)
        if observed.deliveries[event].failures
        and not observed.deliveries[event].is_under_way
        and now >= _due_since(observed, event, now) + retry_for
    )


def next_attempt_at(observed: Observed, now: datetime, retry_for: timedelta) -> datetime | None:
    """Return when an event is tried again, or given up. The end of a try brings a pass by itself."""
    return min(_attempt_times(observed, now, retry_for), default=None)


def webhook_status(observed: Observed, draft: Status) -> WebhookStatus | None:
    """Return what is recorded of deliveries beside a status."""
    before = observed.session.status
    known = before.webhook if before and before.webhook else WebhookStatus()
    new = _events_happened(draft) - (_events_happened(before) if before else frozenset())
    found = WebhookStatus(
        started=_recorded(observed, EventType.STARTED, known.started, new),
        finished=_recorded(observed, EventType.FINISHED, known.finished, new),
    )
    return found if found != WebhookStatus() else None


def delivery_of(webhook: WebhookStatus, event: EventType) -> Delivery | None:
    """Return what is recorded of one event."""
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


def _has_not_been_tried(observed: Observed, event: EventType) -> bool:
    return event in pending_events(observed) and not observed.deliveries[event].failures


def _attempt_times(observed: Observed, now: datetime, retry_for: timedelta) -> Iterator[datetime]:
    for event in pending_events(observed):
        attempt = observed.deliveries[event]
        if attempt.next_at and not attempt.is_under_way:
            yield min(attempt.next_at, _due_since(observed, event, now) + retry_for)


def _due_since(observed: Observed, event: EventType, now: datetime) -> datetime:
    happened = find_condition(observed.session.status, CONDITIONS[event], ConditionStatus.TRUE)
    return happened.last_transition_time if happened else now
