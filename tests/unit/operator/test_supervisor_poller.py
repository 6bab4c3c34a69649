"""Asking supervisors beside the passes: who is asked, in which order, and what a pass reads. No test waits for time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import pytest
from loguru import logger as log

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_contract.lifecycle import BotState, Cause, Mode
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Pod, Reading
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.silent_nodes import SILENT_PODS
from botsession_operator.supervisor_poller import (
    EVENT_RETRY_SECONDS,
    FRESH_SECONDS,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_BY_PRIORITY,
    SupervisorPoller,
)
from tests.builders import KEY, pod, snapshot
from tests.fake_cluster import FakeClock
from tests.log_lines import Line

GOOD: Final = Key("bots", "good")
TIMEOUTS: Final = ControllerTimeouts()
FIRST_WAIT: Final = TIMEOUTS.control_retry.total_seconds()
GRACEFUL: Final = EndRequest(Mode.GRACEFUL, Cause.END_REQUESTED)
IMMEDIATE: Final = EndRequest(Mode.IMMEDIATE, Cause.END_REQUESTED)
PATCH: Final = SessionPatch(deadline=None)
CROWD: Final = 300
UNKNOWN: Final = Reading(NoSnapshot.NOT_ASKED, Freshness.EARLIER)
SILENT: Final = Reading(NoSnapshot.UNREACHABLE, Freshness.CURRENT)
STILL_SILENT: Final = Reading(NoSnapshot.UNREACHABLE, Freshness.EARLIER)

Answer = SessionSnapshot | NoSnapshot


@dataclass
class Question:
    """What a supervisor has been asked, and has not answered until the test says so."""

    name: str
    request: EndRequest | SessionPatch | None
    answer: "asyncio.Future[Answer]" = field(default_factory=asyncio.Future)


class Asked:
    """The Control port to supervisors that answer when the test has them answer."""

    def __init__(self) -> None:
        self.questions: list[Question] = []

    async def snapshot(self, pod: Pod, token: str) -> Answer:
        return await self._ask(pod, None)

    async def end(self, pod: Pod, token: str, request: EndRequest) -> Answer:
        return await self._ask(pod, request)

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> Answer:
        return await self._ask(pod, patch)

    async def _ask(self, pod: Pod, request: EndRequest | SessionPatch | None) -> Answer:
        self.questions.append(Question(pod.name, request))
        return await self.questions[-1].answer

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.questions]

    @property
    def open(self) -> list[Question]:
        return [each for each in self.questions if not each.answer.done()]


class Polling:
    """A poller, on a clock that the test moves, and the sessions that it has marked dirty."""

    def __init__(self) -> None:
        self.clock, self.control, self.dirty = FakeClock(), Asked(), list[Key]()
        self.poller = SupervisorPoller(
            self.control, self.clock, TIMEOUTS, self.dirty.append, lambda: self.clock.now().timestamp(), lambda: 1.0
        )

    async def read(self, key: Key = KEY, **its: str) -> Reading:
        """Read as a pass does, and let what it began be asked."""
        reading = self.poller.read(key, of(key, **its), "token")
        await turn()
        return reading

    async def end(self, request: EndRequest, key: Key = KEY) -> None:
        await self.poller.end(key, of(key), "token", request)
        await turn()

    async def answer(self, *names: str, with_: Answer | None = None) -> None:
        """Have the supervisors of these names answer, or all."""
        for question in self.control.open:
            if not names or question.name in names:
                question.answer.set_result(with_ or snapshot())
        await turn()

    async def be_silent(self, *names: str) -> None:
        await self.answer(*names, with_=NoSnapshot.UNREACHABLE)

    async def be_silent_to_the_end(self) -> None:
        """Have nobody answer who is asked, or has waited for a turn."""
        while self.control.open:
            await self.be_silent()

    async def meet(self, keys: list[Key]) -> None:
        """Have sessions answer, and asked again."""
        for key in keys:
            await self.read(key)
        while self.control.open:
            await self.answer()
        for key in keys:
            assert (await self.read(key)).freshness is Freshness.CURRENT
            await self.read(key)

    async def fall_silent(self, keys: list[Key]) -> None:
        """Have sessions found silent that have answered before, and that seen by their passes."""
        await self.meet(keys)
        await self.be_silent_to_the_end()
        self.control.questions.clear()
        for key in keys:
            assert await self.read(key) == SILENT

    async def wait(self, seconds: float) -> None:
        self.clock.pass_(seconds)
        await turn()


@pytest.fixture
async def polling() -> AsyncIterator[Polling]:
    made = Polling()
    yield made
    for question in made.control.open:
        question.answer.cancel()
    await made.poller.close()


def of(key: Key, *, uid: str = "", node: str = "node-1", address: str = "10.0.0.7") -> Pod:
    return pod(name=key.name, uid=uid or key.name, node_name=node, address=address)


def crowd(number: int = CROWD) -> list[Key]:
    return [Key("crowd", f"silent-{each}") for each in range(number)]


async def turn() -> None:
    """Let the tasks that have something to do do it."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_pass_does_not_wait_for_an_answer_and_another_comes_with_it(polling: Polling) -> None:
    assert await polling.read() == UNKNOWN
    assert polling.dirty == []

    await polling.answer()

    assert polling.dirty == [KEY]
    assert await polling.read() == Reading(snapshot(), Freshness.CURRENT)


async def test_each_pass_has_the_supervisor_asked_anew(polling: Polling) -> None:
    await polling.read()
    await polling.answer()
    await polling.read()

    assert await polling.read() == Reading(snapshot(), Freshness.EARLIER)
    assert len(polling.control.questions) == 2


async def test_an_event_has_the_answer_there_before_the_pass(polling: Polling) -> None:
    await polling.read()
    await polling.answer()
    await polling.read()

    polling.poller.refresh(KEY)
    await turn()
    await polling.answer(with_=snapshot(BotState.STARTING))

    assert polling.dirty == [KEY]
    assert await polling.read() == Reading(snapshot(BotState.STARTING), Freshness.CURRENT)


async def test_what_happens_while_a_supervisor_is_asked_has_it_asked_again(polling: Polling) -> None:
    await polling.read()
    polling.poller.refresh(KEY)
    await polling.answer()

    assert (await polling.read()).freshness is Freshness.CURRENT
    await polling.answer(with_=snapshot(BotState.STARTING))

    assert polling.dirty == [KEY, KEY]
    assert (await polling.read()).control == snapshot(BotState.STARTING)


async def test_no_flood_of_pokes_keeps_a_pass_from_its_answer(polling: Polling) -> None:
    await polling.read()
    for _ in range(20):
        polling.poller.refresh(KEY)
        await polling.answer()
        polling.poller.refresh(KEY)
        assert (await polling.read()).freshness is Freshness.CURRENT


async def test_an_answer_that_nobody_waited_for_does_not_keep(polling: Polling) -> None:
    await polling.read()
    await polling.answer()
    await polling.read()
    polling.poller.refresh(KEY)
    await turn()
    await polling.answer()

    await polling.wait(FRESH_SECONDS + 1)

    assert (await polling.read()).freshness is Freshness.EARLIER


async def test_the_clock_of_a_supervisor_goes_on_after_its_answer(polling: Polling) -> None:
    await polling.read()
    await polling.answer()
    await polling.wait(20)

    reading = await polling.read()

    assert isinstance(reading.control, SessionSnapshot)
    assert reading.control.now == snapshot().now + timedelta(seconds=20)


async def test_a_clock_at_the_end_of_the_calendar_stands(polling: Polling) -> None:
    last = replace(snapshot(), now=snapshot().now.max.replace(tzinfo=snapshot().now.tzinfo))
    await polling.read()
    await polling.answer(with_=last)
    await polling.wait(20)

    assert (await polling.read()).control == last


@pytest.mark.parametrize("its", [{"uid": "another"}, {"address": "10.0.0.8"}, {"node": "another"}])
async def test_an_answer_of_an_earlier_pod_is_dropped(polling: Polling, its: dict[str, str]) -> None:
    await polling.read()
    assert await polling.read(KEY, **its) == UNKNOWN

    polling.control.questions[0].answer.set_result(snapshot(BotState.ENDING))
    await turn()
    assert polling.dirty == []

    polling.control.questions[1].answer.set_result(snapshot())
    await turn()
    assert (await polling.read(KEY, **its)).control == snapshot()


async def test_what_is_known_goes_with_the_session(polling: Polling) -> None:
    for key in crowd():
        await polling.read(key)
    for key in crowd():
        polling.poller.forget(key)
    await polling.be_silent_to_the_end()

    assert polling.dirty == []
    assert not polling.poller._supervisors
    assert not polling.poller._tasks
    assert (len(polling.poller._nodes), len(polling.poller._queue), polling.poller.in_flight()) == (0, 0, 0)


# Requests.


async def test_a_request_goes_at_once_and_its_answer_comes_with_a_pass(polling: Polling) -> None:
    await polling.end(GRACEFUL)
    assert [each.request for each in polling.control.questions] == [GRACEFUL]

    await polling.answer(with_=snapshot(BotState.ENDING))

    assert polling.dirty == [KEY]
    assert await polling.read() == Reading(snapshot(BotState.ENDING), Freshness.REPLY)


async def test_a_request_that_is_under_way_is_not_sent_twice(polling: Polling) -> None:
    await polling.end(GRACEFUL)
    await polling.end(GRACEFUL)
    await polling.answer()

    assert [each.request for each in polling.control.questions] == [GRACEFUL]


async def test_a_request_follows_the_question_that_is_under_way(polling: Polling) -> None:
    await polling.read()
    await polling.end(GRACEFUL)
    await polling.end(IMMEDIATE)
    assert len(polling.control.open) == 1

    await polling.answer()

    assert polling.dirty == []
    assert [each.request for each in polling.control.questions] == [None, IMMEDIATE]


async def test_a_supervisor_is_told_its_limits(polling: Polling) -> None:
    await polling.poller.adjust(KEY, of(KEY), "token", PATCH)
    await turn()

    assert [each.request for each in polling.control.questions] == [PATCH]


async def test_silence_to_a_request_is_told(polling: Polling) -> None:
    await polling.end(GRACEFUL)
    await polling.be_silent()

    assert polling.dirty == [KEY]
    assert (await polling.read()).control is NoSnapshot.UNREACHABLE


async def test_requests_go_before_a_thousand_silent_others(polling: Polling) -> None:
    silent = crowd(1000)
    for key in silent:
        await polling.read(key, node="node-2")
    before = len(polling.control.questions)

    await polling.end(GRACEFUL, GOOD)

    assert [each.request for each in polling.control.questions[before:]] == [GRACEFUL]


# Silence.


async def test_a_silent_supervisor_is_asked_again_after_ever_longer_waits(polling: Polling) -> None:
    await polling.read()
    await polling.be_silent()
    assert await polling.read() == SILENT
    waits = []
    for _ in range(8):
        due = polling.poller.retry_at(KEY)
        assert due
        waits.append((due - polling.clock.now()).total_seconds())
        await polling.wait(waits[-1] - 0.01)
        assert await polling.read() == STILL_SILENT
        assert polling.control.open == []
        await polling.wait(0.02)
        assert await polling.read() == STILL_SILENT
        await polling.be_silent()
        await polling.wait(FRESH_SECONDS)

    assert [round(wait + FRESH_SECONDS * (number > 0)) for number, wait in enumerate(waits)] == [
        2,
        4,
        8,
        16,
        32,
        60,
        60,
        60,
    ]
    assert polling.dirty == [KEY]


async def test_a_silent_supervisor_that_answers_is_told_of(polling: Polling) -> None:
    await polling.read()
    await polling.be_silent()
    await polling.wait(FIRST_WAIT)
    await polling.read()
    await polling.wait(FIRST_WAIT + FRESH_SECONDS)
    await polling.read()

    await polling.answer()

    assert polling.dirty == [KEY, KEY]
    assert await polling.read() == Reading(snapshot(), Freshness.CURRENT)
    assert polling.poller.retry_at(KEY) is None


async def test_news_of_a_silent_session_has_it_asked_sooner_and_not_at_once(polling: Polling) -> None:
    await polling.read()
    for _ in range(4):
        await polling.be_silent()
        await polling.wait(100)
        await polling.read()
    await polling.be_silent()
    asked = len(polling.control.questions)
    for _ in range(10):
        polling.poller.refresh(KEY)
        await polling.read()
    assert len(polling.control.questions) == asked

    await polling.wait(EVENT_RETRY_SECONDS)
    await polling.read()

    assert len(polling.control.questions) == asked + 1


async def test_a_silent_supervisor_is_asked_more_often_while_its_end_is_waited_for(polling: Polling) -> None:
    await polling.read()
    await polling.be_silent()
    polling.poller.ask_more_often(KEY)
    for _ in range(6):
        await polling.wait(TIMEOUTS.control_retry_ending.total_seconds())
        await polling.read()
        await polling.be_silent()

    assert len(polling.control.questions) >= 6


async def test_a_pass_that_would_conclude_from_silence_has_it_proved(polling: Polling) -> None:
    await polling.read()
    await polling.be_silent()
    await polling.read()
    assert await polling.read() == STILL_SILENT

    polling.poller.ask_now(KEY)
    await turn()
    await polling.be_silent()

    assert polling.dirty == [KEY, KEY]
    assert await polling.read() == SILENT


async def test_a_bug_in_asking_is_silence(polling: Polling, monkeypatch: pytest.MonkeyPatch, logs: list[Line]) -> None:
    async def fail(*_: object) -> Answer:
        raise ValueError("a bug")

    monkeypatch.setattr(polling.control, "snapshot", fail)
    with log.contextualize(session="of/the-pass-that-begins-it"):
        await polling.read()

    assert polling.dirty == [KEY]
    assert [(line["event"], line["session"]) for line in logs] == [("request to supervisor failed", str(KEY))]
    assert await polling.read() == SILENT


# Crowds.


async def test_silent_sessions_of_one_tenant_do_not_delay_anothers(polling: Polling) -> None:
    for key in crowd():
        await polling.read(key)
    assert len(polling.control.open) == MAX_CONNECTIONS - MAX_CONNECTIONS // 4

    await polling.read(GOOD)

    assert polling.control.names[-1] == GOOD.name


async def test_a_good_session_is_asked_before_any_silent_one_is_asked_again(polling: Polling) -> None:
    await polling.fall_silent(crowd())
    await polling.wait(10 * FIRST_WAIT)

    for key in crowd():
        await polling.read(key)
    await polling.read(GOOD, node="node-2")
    await polling.answer(GOOD.name)

    assert polling.dirty[-1] == GOOD
    assert len(polling.control.names) <= 1 + MAX_CONNECTIONS_BY_PRIORITY[Priority.LOW]


async def test_the_silence_of_a_node_is_one_fact(polling: Polling) -> None:
    await polling.fall_silent(crowd())
    assert (polling.poller.silent_nodes(), polling.poller.silent()) == (1, {"crowd": CROWD})

    for _ in range(20):
        await polling.wait(30)
        for key in crowd():
            await polling.read(key)
        assert len(polling.control.open) == 1
        await polling.be_silent()

    assert len(polling.control.questions) == 20


async def test_one_session_of_a_silent_node_asks_for_passes(polling: Polling) -> None:
    await polling.fall_silent(crowd())
    await polling.wait(60)
    for key in crowd():
        await polling.read(key)
    await polling.be_silent()

    looks = [polling.poller.retry_at(key) for key in crowd()]

    assert len([look for look in looks if look]) == 1


async def test_pods_that_start_together_say_nothing_of_their_node(polling: Polling) -> None:
    for key in crowd(20):
        await polling.read(key)
    await polling.be_silent()
    assert polling.poller.silent_nodes() == 0

    for key in crowd(20):
        polling.poller.refresh(key)
    await polling.wait(EVENT_RETRY_SECONDS)
    for key in crowd(20):
        await polling.read(key)
        await polling.read(key)

    assert len(polling.control.open) == 20


async def test_pods_that_never_start_to_answer_show_that_their_node_is_silent(polling: Polling) -> None:
    for _ in range(4):
        for key in crowd(20):
            await polling.read(key)
            await polling.read(key)
        await polling.be_silent_to_the_end()
        await polling.wait(20)

    assert polling.poller.silent_nodes() == 1


async def test_news_of_one_session_has_it_asked_though_its_node_is_silent(polling: Polling) -> None:
    await polling.fall_silent(crowd())
    await polling.wait(60)
    await polling.read(crowd()[0])
    assert polling.control.names == [crowd()[0].name]

    polling.poller.refresh(crowd()[7])
    await polling.read(crowd()[7])

    assert polling.control.names == [crowd()[0].name, crowd()[7].name]


async def test_a_node_that_answers_again_has_all_its_sessions_asked(polling: Polling) -> None:
    await polling.fall_silent(crowd())
    polling.dirty.clear()
    await polling.wait(60)
    for key in crowd():
        await polling.read(key)
    assert len(polling.control.open) == 1

    while polling.control.open:
        await polling.answer()

    assert sorted(polling.dirty) == sorted(crowd())
    assert (polling.poller.silent_nodes(), polling.poller.silent()) == (0, {})


async def test_a_pod_that_answers_is_asked_though_others_of_its_node_are_silent(polling: Polling) -> None:
    await polling.read(GOOD)
    await polling.answer()
    await polling.read(GOOD)
    await polling.fall_silent(crowd())

    polling.poller.refresh(GOOD)
    await turn()
    await polling.answer(GOOD.name)

    assert (await polling.read(GOOD)).freshness is Freshness.CURRENT
    assert polling.poller.silent_nodes() == 0


async def test_few_silent_pods_say_nothing_of_their_node(polling: Polling) -> None:
    await polling.fall_silent(crowd(SILENT_PODS - 1))

    assert polling.poller.silent_nodes() == 0


async def test_ends_of_silent_sessions_are_tried_though_their_node_is_silent(polling: Polling) -> None:
    await polling.fall_silent(crowd(20))
    polling.control.questions.clear()
    polling.poller.ask_more_often(crowd()[7])
    await polling.wait(TIMEOUTS.control_retry_ending.total_seconds())

    for key in crowd(20):
        await polling.read(key)

    assert crowd()[7].name in polling.control.names
    assert len(polling.control.names) <= 2


async def test_those_who_wait_are_put_back_when_their_node_turns_out_silent(polling: Polling) -> None:
    await polling.meet(crowd())
    await polling.be_silent()

    assert polling.poller.waiting()[Priority.HIGH] == 0
    assert len(polling.control.open) <= MAX_CONNECTIONS_BY_PRIORITY[Priority.LOW] + SILENT_PODS


async def test_a_closed_poller_lets_requests_be_answered_and_drops_questions(polling: Polling) -> None:
    await polling.read()
    await polling.end(GRACEFUL, GOOD)
    closing = asyncio.create_task(polling.poller.close())
    await turn()
    assert not closing.done()

    polling.control.questions[1].answer.set_result(snapshot())
    await closing

    assert polling.control.questions[0].answer.cancelled()
    assert polling.dirty == []
