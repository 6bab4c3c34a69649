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


def awaited(observed: Observed) -> tuple[EventType, ...]:
    """Return the events that the webhook wants and is still to get: while there is one, the session is kept."""
    return tuple(
        event
        for event in recorded_as_pending(observed.session.status)
        if event in observed.deliveries and observed.deliveries[event].outcome is None
    )


def recorded_as_pending(status: Status | None) -> tuple[EventType, ...]:
    """Return the events that are to be delivered by what is recorded, whether or not there still is a webhook."""
    known = status.webhook if status else None
    return tuple(event for event in EventType if known and known_of(known, event) is Delivery.PENDING)


def due(observed: Observed, now: datetime, patience: timedelta) -> tuple[EventType, ...]:
    """Return the events to send now. A finish waits for the first try of its start, so that they come in order."""
    given_up, waits = overdue(observed, now, patience), awaited(observed)
    ready = (event for event in waits if event not in given_up and _is_ready(observed.deliveries[event], now))
    return tuple(event for event in ready if event is EventType.STARTED or not _is_untried(observed, EventType.STARTED))


def overdue(observed: Observed, now: datetime, patience: timedelta) -> tuple[EventType, ...]:
    """Return the events that are not tried again: each has been tried by this operator, which may be a new one."""
    return tuple(
        event
        for event in awaited(observed)
        if observed.deliveries[event].failures
        and not observed.deliveries[event].is_under_way
        and now >= _since(observed, event, now) + patience
    )


def next_try(observed: Observed, now: datetime, patience: timedelta) -> datetime | None:
    """Return when an event is tried again, or given up. The end of a try brings a pass by itself."""
    return min(_tries(observed, now, patience), default=None)


def after(observed: Observed, draft: Status) -> WebhookStatus | None:
    """Return what is recorded of deliveries beside a status."""
    before = observed.session.status
    known = before.webhook if before and before.webhook else WebhookStatus()
    new = _happened(draft) - (_happened(before) if before else frozenset())
    found = WebhookStatus(
        started=_recorded(observed, EventType.STARTED, known.started, new),
        finished=_recorded(observed, EventType.FINISHED, known.finished, new),
    )
    return found if found != WebhookStatus() else None


def known_of(webhook: WebhookStatus, event: EventType) -> Delivery | None:
    """Return what is recorded of one event."""
    return webhook.started if event is EventType.STARTED else webhook.finished


def _happened(status: Status) -> frozenset[EventType]:
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


def _is_untried(observed: Observed, event: EventType) -> bool:
    return event in awaited(observed) and not observed.deliveries[event].failures


def _tries(observed: Observed, now: datetime, patience: timedelta) -> Iterator[datetime]:
    for event in awaited(observed):
        attempt = observed.deliveries[event]
        if attempt.next_at and not attempt.is_under_way:
            yield min(attempt.next_at, _since(observed, event, now) + patience)


def _since(observed: Observed, event: EventType, now: datetime) -> datetime:
    happened = find_condition(observed.session.status, CONDITIONS[event], ConditionStatus.TRUE)
    return happened.last_transition_time if happened else now
