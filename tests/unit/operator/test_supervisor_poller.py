"""Asking supervisors beside the passes: who is asked, in which order, and what a pass reads. No test waits for time."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import BotState
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Reading
from botsession_operator.supervisor_poller import (
    FRESH_SECONDS,
)
from tests.builders import KEY, pod, snapshot
from tests.polling import (
    GOOD,
    GRACEFUL,
    IMMEDIATE,
    PATCH,
    UNKNOWN,
    Polling,
    crowd,
    of,
    turn,
)


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
    assert (await polling.read()).snapshot == snapshot(BotState.STARTING)


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

    assert isinstance(reading.snapshot, SessionSnapshot)
    assert reading.snapshot.now == snapshot().now + timedelta(seconds=20)


async def test_a_clock_at_the_end_of_the_calendar_stands(polling: Polling) -> None:
    last = replace(snapshot(), now=snapshot().now.max.replace(tzinfo=snapshot().now.tzinfo))
    await polling.read()
    await polling.answer(with_=last)
    await polling.wait(20)

    assert (await polling.read()).snapshot == last


@pytest.mark.parametrize("its", [{"uid": "another"}, {"address": "10.0.0.8"}, {"node": "another"}])
async def test_an_answer_of_an_earlier_pod_is_dropped(polling: Polling, its: dict[str, str]) -> None:
    await polling.read()
    assert await polling.read(KEY, **its) == UNKNOWN

    polling.control.questions[0].answer.set_result(snapshot(BotState.ENDING))
    await turn()
    assert polling.dirty == []

    polling.control.questions[1].answer.set_result(snapshot())
    await turn()
    assert (await polling.read(KEY, **its)).snapshot == snapshot()


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
    assert (await polling.read()).snapshot is NoSnapshot.UNREACHABLE


async def test_requests_go_before_a_thousand_silent_others(polling: Polling) -> None:
    silent = crowd(1000)
    for key in silent:
        await polling.read(key, node="node-2")
    before = len(polling.control.questions)

    await polling.end(GRACEFUL, GOOD)

    assert [each.request for each in polling.control.questions[before:]] == [GRACEFUL]


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


async def test_a_supervisor_whose_pod_is_over_is_not_asked_again(polling: Polling) -> None:
    await polling.read()
    await polling.answer()

    polling.poller.forget_pod(KEY, pod().uid)
    polling.poller.refresh(KEY)
    await turn()

    assert len(polling.control.questions) == 1


async def test_a_supervisor_is_kept_when_another_pod_of_its_session_is_over(polling: Polling) -> None:
    await polling.read()
    await polling.answer()

    polling.poller.forget_pod(KEY, "an earlier pod's")

    assert await polling.read() == Reading(snapshot(), Freshness.CURRENT)
