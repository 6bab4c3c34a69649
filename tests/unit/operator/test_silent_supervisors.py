"""Supervisors that do not answer: how often they are asked, alone and in crowds, and whom they do not delay."""

import pytest
from loguru import logger as log

from botsession_operator.core.observe.observed import Freshness, Reading
from botsession_operator.fair_queue import Priority
from botsession_operator.silent_nodes import SILENT_PODS
from botsession_operator.supervisor_poller import (
    EVENT_RETRY_SECONDS,
    FRESH_SECONDS,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_BY_PRIORITY,
)
from tests.builders import KEY, snapshot
from tests.log_lines import Line
from tests.polling import (
    CROWD,
    FIRST_WAIT,
    GOOD,
    SILENT,
    STILL_SILENT,
    TIMEOUTS,
    Answer,
    Polling,
    crowd,
    turn,
)


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
