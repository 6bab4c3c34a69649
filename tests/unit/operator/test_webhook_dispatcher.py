"""What whole passes do where a webhook wants to hear of sessions."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from botsession_contract.lifecycle import Phase, Reason
from botsession_operator.api.status import Delivery, WebhookStatus
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.observe.webhook_delivery import Answer, EventType, Reply
from botsession_operator.reconcile.gather import gather
from botsession_operator.reconcile.reconciler import reconcile
from botsession_operator.webhook_dispatcher import WebhookDispatcher
from tests.builders import KEY, samples
from tests.fakes import FakeWebhook, World
from tests.log_lines import Line
from tests.unit.operator.lives import finish, names, talk

FAILED, GONE = Reply(Answer.FAILED, "503"), Reply(Answer.GONE, "410")
BUSY = Reply(Answer.FAILED, "429", timedelta(seconds=60))
UNSIGNED = Reply(Answer.UNSIGNED, "the signing secret cannot be read")
DELIVERED = Delivery.DELIVERED
ALL_DELIVERED = WebhookStatus(DELIVERED, DELIVERED)
PATIENCE = ControllerTimeouts().webhook_patience.total_seconds()


@pytest.fixture
def webhook(world: World) -> FakeWebhook:
    """Have one operator look after the world, who has a webhook."""
    world.webhook = FakeWebhook()
    world.operator = world.deps()
    return world.webhook


def deliveries(world: World) -> WebhookDispatcher:
    assert world.operator
    assert world.operator.webhook
    return world.operator.webhook


def counted(world: World) -> dict[tuple[str, str], float]:
    found = samples(world.metrics.registry, "botsession_webhook_deliveries_total")
    return {(labels["event"], labels["result"]): value for labels, value in found if value}


async def test_a_life_is_told_by_two_events_each_once(world: World, webhook: FakeWebhook) -> None:
    await talk(world)
    await world.rest()
    assert (webhook.events, world.status.webhook) == (["started"], WebhookStatus(DELIVERED))

    world.report(Reason.COMPLETED)
    await world.rest()

    assert (webhook.events, world.status.webhook) == (["started", "finished"], ALL_DELIVERED)
    assert counted(world) == {("started", "Delivered"): 1, ("finished", "Delivered"): 1}


async def test_an_event_costs_at_most_one_write_more(world: World, webhook: FakeWebhook) -> None:
    unheard = World()
    for each in (world, unheard):
        await talk(each)
        await each.rest()
        each.report(Reason.COMPLETED)
        await each.rest()

    assert len(world.cluster.written) == len(unheard.cluster.written) + 2
    assert all(status.webhook is None for status in unheard.cluster.written)


async def test_a_delivery_is_recorded_with_the_next_write(world: World, webhook: FakeWebhook) -> None:
    await finish(world, ttlAfterFinished="never")
    await world.rest()

    assert [status.webhook and status.webhook.started for status in world.cluster.written][-2:] == [DELIVERED] * 2


async def test_a_receiver_that_fails_is_asked_again_later_each_time(world: World, webhook: FakeWebhook) -> None:
    await talk(world)
    webhook.replies = [FAILED] * 3
    world.report(Reason.COMPLETED)
    waits = []
    while webhook.replies:
        await world.settle()
        due = await requeue_at(world)
        assert due
        waits.append((due - world.clock.now()).total_seconds())
        world.clock.reach(due)
    await world.rest()

    assert all(0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits))
    assert webhook.events == ["started", *["finished"] * 4]
    assert world.status.webhook == ALL_DELIVERED
    assert counted(world)["finished", "Failed"] == 3


async def test_a_receiver_that_asks_to_be_left_alone_is_not_asked_before(world: World, webhook: FakeWebhook) -> None:
    webhook.replies = [BUSY]
    await talk(world)
    asked = world.clock.now() + BUSY.retry_after

    await wait(world, 59)
    assert webhook.events == ["started"]
    assert await requeue_at(world) == asked

    await wait(world, 1)
    assert webhook.events == ["started", "started"]


async def test_what_cannot_be_signed_is_sent_when_it_can(world: World, webhook: FakeWebhook, logs: list[Line]) -> None:
    webhook.replies = [UNSIGNED, UNSIGNED]
    await finish(world)
    await wait(world, 10)
    await world.rest()

    assert world.status.webhook == ALL_DELIVERED
    assert counted(world)["started", "Unsigned"] + counted(world)["finished", "Unsigned"] == 2
    assert [line["detail"] for line in logs if line["event"] == "event not delivered"] == [UNSIGNED.detail] * 2


async def test_a_receiver_that_wants_no_more_gets_no_more(world: World, webhook: FakeWebhook) -> None:
    webhook.replies = [GONE, GONE]
    await finish(world)
    await world.rest()

    assert webhook.events == ["started", "finished"]
    assert world.status.webhook == WebhookStatus(Delivery.GONE, Delivery.GONE)


async def test_what_nobody_takes_is_given_up_and_told(world: World, webhook: FakeWebhook) -> None:
    await talk(world, ttlAfterFinished="never")
    webhook.replies = [FAILED] * 100
    world.report(Reason.COMPLETED)
    await world.settle()
    await wait(world, PATIENCE + 1)

    assert world.status.webhook == WebhookStatus(DELIVERED, Delivery.GAVE_UP)
    (told,) = [event for event in world.cluster.recorded_events if event.reason == "WebhookGaveUp"]
    assert told.note.startswith("the receiver did not accept finished in ")
    assert told.note.endswith(" attempts; the last one: 503")
    assert counted(world)["finished", "GaveUp"] == 1
    assert 15 < webhook.events.count("finished") < 30, "an hour of tries, ever rarer"


async def wait(world: World, seconds: float) -> None:
    """Let time pass, with a pass whenever one is due."""
    ends = world.clock.now() + timedelta(seconds=seconds)
    while (due := await requeue_at(world)) and due < ends:
        world.clock.reach(due)
        await world.settle()
    world.clock.reach(ends)
    await world.settle()


async def requeue_at(world: World) -> datetime | None:
    assert world.operator
    return await reconcile(KEY, world.operator)


async def test_a_deleted_session_waits_until_its_finish_is_delivered(world: World, webhook: FakeWebhook) -> None:
    await talk(world)
    webhook.replies = [FAILED, FAILED]
    world.delete()
    await world.settle()
    world.end_as_asked()
    await world.settle()
    assert not world.is_empty
    assert not world.cluster.pods.names(), "only the record waits"

    await wait(world, 5)

    assert world.is_empty
    assert webhook.events == ["started", *["finished"] * 3]
    assert {body["data"]["reason"] for _, body in webhook.posted[1:]} == {"Deleted"}


async def test_a_deleted_session_goes_when_its_finish_is_given_up(world: World, webhook: FakeWebhook) -> None:
    await talk(world)
    webhook.replies = [FAILED] * 100
    world.delete()
    await world.settle()
    world.end_as_asked()
    await wait(world, PATIENCE - 1)
    assert not world.is_empty

    await wait(world, 2)

    assert world.is_empty


async def test_a_session_that_expires_waits_until_its_finish_is_delivered(world: World, webhook: FakeWebhook) -> None:
    await talk(world, ttlAfterFinished="0s")
    webhook.replies = [FAILED]
    world.report(Reason.COMPLETED)
    await world.settle()
    assert not world.is_empty

    await wait(world, 2)

    assert world.is_empty
    assert webhook.events == ["started", "finished", "finished"]


async def test_a_new_operator_sends_again_what_is_not_recorded_under_the_same_id(
    world: World, webhook: FakeWebhook
) -> None:
    await talk(world)
    await world.rest()
    world.report(Reason.COMPLETED)
    await world.settle()
    assert world.status.webhook == WebhookStatus(DELIVERED, Delivery.PENDING), "it is not written yet"

    world.operator = world.deps()
    await world.rest()

    assert webhook.events == ["started", "finished", "finished"]
    assert webhook.posted[1] == webhook.posted[2]
    assert world.status.webhook == ALL_DELIVERED


async def test_what_was_over_before_there_was_a_webhook_is_not_sent(world: World) -> None:
    await finish(world, ttlAfterFinished="never")
    world.webhook = FakeWebhook()
    world.operator = world.deps()
    await world.rest()

    assert world.webhook.posted == []
    assert world.status.webhook is None


async def test_a_session_without_a_webhook_any_more_waits_for_none(world: World, webhook: FakeWebhook) -> None:
    webhook.replies = [FAILED] * 9
    await finish(world)
    world.webhook = world.operator = None
    world.delete()
    await world.settle()

    assert world.is_empty


class SlowWebhook(FakeWebhook):
    """A receiver that answers when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def post(self, message_id: str, body: str) -> Reply:
        reply = await super().post(message_id, body)
        self.is_asked.set()
        await self.may_answer.wait()
        return reply


@pytest.fixture
def slow(world: World) -> SlowWebhook:
    return SlowWebhook()


async def test_a_slow_receiver_holds_no_pass_up_and_is_asked_once_at_a_time(
    world: World, webhook: FakeWebhook, slow: SlowWebhook
) -> None:
    await talk(world)
    await world.rest()
    looks = asyncio.Event()
    patient = WebhookDispatcher(slow, frozenset(EventType), "tests", world.clock, lambda _: looks.set(), world.metrics)
    assert world.operator
    operator = replace(world.operator, webhook=patient)
    world.report(Reason.COMPLETED)
    for _ in range(2):
        await reconcile(KEY, operator)
    await slow.is_asked.wait()
    await reconcile(KEY, operator)
    assert slow.events == ["finished"]
    assert world.status.phase is Phase.SUCCEEDED

    slow.may_answer.set()
    await looks.wait()


async def test_an_operator_that_leaves_lets_go_of_what_is_under_way(world: World, slow: SlowWebhook) -> None:
    await finish(world)
    world.webhook = None
    patient = WebhookDispatcher(slow, frozenset(EventType), "tests", world.clock, lambda _: None, world.metrics)
    session = (await gathered(world, patient)).session
    patient.send(session, EventType.FINISHED)
    await slow.is_asked.wait()
    await patient.close()

    assert patient.attempts(session)[EventType.FINISHED].is_under_way


async def gathered(world: World, of: WebhookDispatcher) -> Observed:
    seen = await gather(KEY, replace(world.deps(), webhook=of))
    assert seen
    return seen


async def test_a_bug_is_a_failure_and_not_an_end_without_end(
    world: World, webhook: FakeWebhook, logs: list[Line]
) -> None:
    await finish(world)
    session = (await gathered(world, deliveries(world))).session

    deliveries(world).send(replace(session, status=None), EventType.STARTED)
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    attempt = deliveries(world).attempts(session)[EventType.STARTED]
    assert (attempt.failures, attempt.last_error, attempt.is_under_way) == (1, "ValueError", False)
    assert [log["event"] for log in logs if log["level"] == "error"] == ["event not sent"]


async def test_a_session_that_is_gone_is_forgotten(world: World, webhook: FakeWebhook) -> None:
    await finish(world)
    session = (await gathered(world, deliveries(world))).session
    world.delete()
    await world.settle()
    await world.settle()

    assert world.is_empty
    assert {attempt.outcome for attempt in deliveries(world).attempts(session).values()} == {None}


async def test_what_became_of_an_earlier_sessions_events_is_forgotten_with_it(
    world: World, webhook: FakeWebhook
) -> None:
    for _ in range(3):
        await finish(world)
        world.sessions.change(*names(), lambda stored: stored["metadata"].update(finalizers=[]))
        world.delete()  # by hand, and the next one comes before any pass has seen that it is gone
    await finish(world)

    ((_, known),) = deliveries(world)._attempts.values()
    assert len(known) == len(EventType)
    assert webhook.events == ["started", "finished"] * 4


async def test_an_answer_that_comes_after_the_next_session_of_the_name_is_not_the_next_ones(
    world: World, webhook: FakeWebhook
) -> None:
    await talk(world)
    seen = await gather(KEY, world.deps())
    assert seen
    sent, old, new = deliveries(world), seen.session, replace(seen.session, uid="another")
    sent.attempts(new)

    sent._record_reply(old, EventType.STARTED, Reply(Answer.DELIVERED, "200"))

    assert sent.attempts(new)[EventType.STARTED].outcome is None
