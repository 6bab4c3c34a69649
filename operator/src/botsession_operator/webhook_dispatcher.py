"""Sends events to the webhook beside the passes, so that a slow receiver delays no session.

The state of each delivery is kept in memory and may be lost: the sessions' statuses say what is still to be delivered.
"""

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from loguru import logger as log

from botsession_operator.api.status import Delivery
from botsession_operator.core.clock import Clock
from botsession_operator.core.observe.observed import Key, Session
from botsession_operator.core.observe.webhook_delivery import Answer, Attempt, Attempts, EventType, Reply
from botsession_operator.core.webhook.backoff import wait_before_retry
from botsession_operator.core.webhook.cloudevent import cloud_event, event_id
from botsession_operator.metrics import Metrics
from botsession_operator.ports import Webhook

#: How many messages are sent at once.
MAX_CONCURRENT: Final = 16
OUTCOMES: Final = {Answer.DELIVERED: Delivery.DELIVERED, Answer.GONE: Delivery.GONE}
UNTRIED: Final = Attempt()


class WebhookDispatcher:
    """The deliveries to the webhook, by session and event."""

    def __init__(
        self,
        webhook: Webhook,
        events: frozenset[EventType],
        source: str,
        clock: Clock,
        mark: Callable[[Key], None],
        metrics: Metrics,
    ) -> None:
        self._webhook = webhook
        self._events = events
        self._source = source
        self._clock = clock
        #: Marks a session dirty, as a watch event does.
        self._mark = mark
        self._metrics = metrics
        #: For each key, the UID of the session that has the name now, and the attempts of its events.
        self._attempts: dict[Key, tuple[str, dict[str, Attempt]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

    def attempts(self, session: Session) -> Attempts:
        """Return the attempt of each event of a session that the webhook is configured for."""
        if not self._is_known(session):
            self._attempts[session.key] = (session.uid, {})  # an earlier session of the name is gone
        return {event: self._attempt(session, event) for event in self._events}

    def send(self, session: Session, event: EventType) -> None:
        """Start to send an event; the session is marked dirty when the result is known."""
        self._store(session, event, replace(self._attempt(session, event), is_under_way=True))
        task = asyncio.create_task(self._send(session, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def give_up(self, session: Session, event: EventType) -> None:
        """Record that an event is not sent again."""
        self._metrics.count_delivery(event, Delivery.GAVE_UP)
        attempt = self._attempt(session, event)
        log.warning("event given up", session=str(session.key), event_type=event, tries=attempt.failures)
        self._store(session, event, replace(attempt, outcome=Delivery.GAVE_UP))
        self._mark(session.key)

    def forget(self, key: Key) -> None:
        """Forget a session that is gone."""
        self._attempts.pop(key, None)

    async def close(self) -> None:
        """Cancel the deliveries in flight; the next operator sends them again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, session: Session, event: EventType) -> None:
        try:
            async with self._slots:
                body = json.dumps(cloud_event(session, event, self._source), ensure_ascii=False)
                reply = await self._webhook.post(event_id(session, event), body)
        except Exception as exc:  # noqa: BLE001  # a bug must not keep a session waiting forever
            log.exception("event not sent", session=str(session.key), event_type=event)
            reply = Reply(Answer.FAILED, type(exc).__name__)
        self._record_reply(session, event, reply)

    def _record_reply(self, session: Session, event: EventType, reply: Reply) -> None:
        self._metrics.count_delivery(event, reply.answer)
        fields = {"session": str(session.key), "event_type": event, "answer": reply.answer, "detail": reply.detail}
        if reply.answer in OUTCOMES:
            log.info("event settled", **fields)
        else:
            log.warning("event not delivered", **fields)
        if self._is_known(session):  # else it is gone, and another one may have its name
            self._store(session, event, self._next(self._attempt(session, event), reply))
        self._mark(session.key)

    def _next(self, attempt: Attempt, reply: Reply) -> Attempt:
        if reply.answer in OUTCOMES:
            return Attempt(outcome=OUTCOMES[reply.answer])
        failures = attempt.failures + 1
        wait = wait_before_retry(failures, reply, jitter=random.random())  # noqa: S311  # jitter, not a secret
        return Attempt(failures=failures, next_at=self._clock.now() + wait, last_error=reply.detail)

    def _is_known(self, session: Session) -> bool:
        return self._attempts.get(session.key, ("",))[0] == session.uid

    def _attempt(self, session: Session, event: EventType) -> Attempt:
        _, attempts = self._attempts.get(session.key, (session.uid, {}))
        return attempts.get(event_id(session, event), UNTRIED)

    def _store(self, session: Session, event: EventType, attempt: Attempt) -> None:
        _, attempts = self._attempts.setdefault(session.key, (session.uid, {}))
        attempts[event_id(session, event)] = attempt
