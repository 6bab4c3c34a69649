"""Deliveries on their way to a webhook. A pass only asks for them: a receiver that is slow holds no session up.

What is kept here is how far each has got, and may be lost: what is still to be delivered is in the sessions.
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

#: Messages that are sent at once; the others wait for their turn.
MAX_CONCURRENT: Final = 16
OUTCOMES: Final = {Answer.DELIVERED: Delivery.DELIVERED, Answer.GONE: Delivery.GONE}
UNTRIED: Final = Attempt()


class WebhookDispatcher:
    """What the webhook is sent, by session and event."""

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
        #: Marks a session dirty, as a watch does.
        self._mark = mark
        self._metrics = metrics
        #: By name, the UID of the session that has it now, and how far each of its events has got.
        self._attempts: dict[Key, tuple[str, dict[str, Attempt]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

    def attempts(self, session: Session) -> Attempts:
        """Return how far each event has got that the webhook wants to be sent of a session."""
        if not self._is_known(session):
            self._attempts[session.key] = (session.uid, {})  # an earlier session of the name is gone
        return {event: self._attempt(session, event) for event in self._events}

    def send(self, session: Session, event: EventType) -> None:
        """Begin to send an event; a pass is asked for when it is known what became of that."""
        self._store(session, event, replace(self._attempt(session, event), is_under_way=True))
        task = asyncio.create_task(self._send(session, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def give_up(self, session: Session, event: EventType) -> None:
        """Have an event sent no more."""
        self._metrics.count_delivery(event, Delivery.GAVE_UP)
        attempt = self._attempt(session, event)
        log.warning("event given up", session=str(session.key), event_type=event, tries=attempt.failures)
        self._store(session, event, replace(attempt, outcome=Delivery.GAVE_UP))
        self._mark(session.key)

    def forget(self, key: Key) -> None:
        """Forget a session that is gone."""
        self._attempts.pop(key, None)

    async def close(self) -> None:
        """Let go of what is under way: whoever comes next sends it again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, session: Session, event: EventType) -> None:
        try:
            async with self._slots:
                body = json.dumps(cloud_event(session, event, self._source), ensure_ascii=False)
                reply = await self._webhook.post(event_id(session, event), body)
        except Exception as exc:  # noqa: BLE001  # a bug must not keep a session waiting for ever
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
        if self._is_known(session):  # it may be gone by now, and another may have its name
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
        _, known = self._attempts.get(session.key, (session.uid, {}))
        return known.get(event_id(session, event), UNTRIED)

    def _store(self, session: Session, event: EventType, attempt: Attempt) -> None:
        _, known = self._attempts.setdefault(session.key, (session.uid, {}))
        known[event_id(session, event)] = attempt
