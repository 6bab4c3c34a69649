"""Heartbeats: whom the operator need not ask, and whom it asks because one is missing or tells of news."""

import pytest

from botsession_contract.heartbeat import heartbeat_id, to_datagram
from botsession_contract.lifecycle import BotState
from botsession_operator.core.observe.observed import Freshness, NoSnapshot
from botsession_operator.received_heartbeats import (
    MAX_INTERVAL_SECONDS,
    MIN_INTERVAL_SECONDS,
    PATIENCE,
    HeartbeatResult,
)
from botsession_operator.supervisor_poller import SWEEP_SECONDS
from tests.builders import KEY, snapshot
from tests.heartbeats import INTERVAL, OTHER_KEY, Beating
from tests.polling import GOOD, Polling, turn


async def meet(polling: Polling, supervisor: Beating) -> None:
    """Ask a supervisor for the first time, and have the pass read its answer."""
    await polling.read(supervisor.key)
    await polling.answer(with_=supervisor.answer())
    await polling.read(supervisor.key)
    await polling.answer(with_=supervisor.answer())
    polling.dirty.clear()
    polling.control.questions.clear()


async def wait(polling: Polling, seconds: float) -> None:
    """Let time pass, with the sweeps that the controller makes."""
    while seconds > 0:
        step = min(seconds, SWEEP_SECONDS)
        polling.clock.pass_(step)
        polling.poller.sweep()
        await turn()
        seconds -= step


async def is_heard(polling: Polling) -> bool:
    return (await polling.read()).is_heard


async def test_a_supervisor_that_is_heard_is_not_asked(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    for _ in range(40):
        await wait(polling, INTERVAL)
        assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.HEARD

    assert polling.control.questions == []
    assert polling.dirty == []
    assert await is_heard(polling)


async def test_a_supervisor_that_sends_none_is_not_heard(polling: Polling) -> None:
    await polling.read()
    await polling.answer(with_=snapshot())

    assert not await is_heard(polling)
    assert polling.poller.heartbeat(Beating().beat()) is HeartbeatResult.UNKNOWN


async def test_before_the_first_one_was_sent_none_is_expected(polling: Polling) -> None:
    """Where a pod cannot send any, as without the cluster's DNS, nothing is lost by waiting for one."""
    await meet(polling, supervisor := Beating(sent=0))
    assert not await is_heard(polling)
    await polling.answer(with_=supervisor.answer())

    polling.poller.heartbeat(supervisor.beat())

    assert await is_heard(polling)


async def test_a_new_leader_expects_the_next_one_after_one_answer(polling: Polling) -> None:
    await meet(polling, Beating(sent=100))

    assert await is_heard(polling)


async def test_a_missing_heartbeat_has_the_supervisor_asked_once(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    polling.poller.heartbeat(supervisor.beat())
    await wait(polling, PATIENCE * INTERVAL - 1)
    assert polling.control.questions == []

    await wait(polling, 1 + SWEEP_SECONDS)
    assert len(polling.control.questions) == 1
    await polling.answer(with_=supervisor.answer())
    await wait(polling, 10 * INTERVAL)

    assert polling.dirty == [KEY]
    assert len(polling.control.questions) == 1
    reading = await polling.read()
    assert (reading.freshness, reading.is_heard) == (Freshness.CURRENT, False)


async def test_after_a_missing_one_only_another_heartbeat_counts(polling: Polling) -> None:
    """A NetworkPolicy may stop them all, so the supervisor is polled until one comes."""
    await meet(polling, supervisor := Beating())
    await wait(polling, 2 * INTERVAL)
    for _ in range(3):
        await polling.answer(with_=supervisor.answer())
        assert not await is_heard(polling)

    polling.poller.heartbeat(supervisor.beat())

    assert await is_heard(polling)


async def test_a_supervisor_that_has_died_is_found_silent(polling: Polling) -> None:
    await meet(polling, Beating())
    await wait(polling, 2 * INTERVAL)
    await polling.be_silent()

    assert polling.dirty == [KEY]
    reading = await polling.read()
    assert (reading.snapshot, reading.is_heard) == (NoSnapshot.UNREACHABLE, False)


async def test_a_silent_supervisor_stays_silent_whatever_is_heard_of_it(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    await wait(polling, 2 * INTERVAL)
    await polling.be_silent()

    assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.UNKNOWN

    assert (await polling.read()).snapshot is NoSnapshot.UNREACHABLE


async def test_news_have_the_supervisor_asked_once(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    await wait(polling, INTERVAL)
    supervisor.revision += 1
    assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.NEWS
    await turn()
    assert len(polling.control.questions) == 1
    await polling.answer(with_=supervisor.answer())
    assert polling.dirty == [KEY]
    assert (await polling.read()).snapshot == supervisor.answer()
    await wait(polling, INTERVAL)

    assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.HEARD
    assert len(polling.control.questions) == 1


async def test_news_during_a_request_are_told_again_by_the_next_heartbeat(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    before = supervisor.answer()
    await wait(polling, INTERVAL)
    await polling.read()
    supervisor.revision += 1
    polling.poller.heartbeat(supervisor.beat())
    await polling.answer(with_=before)
    await polling.read()
    await wait(polling, INTERVAL)
    polling.control.questions.clear()

    assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.NEWS
    await turn()

    assert len(polling.control.questions) == 1


@pytest.mark.parametrize("state", [BotState.STARTING, BotState.ENDING, BotState.FINISHED])
async def test_a_session_that_does_not_run_is_polled(polling: Polling, state: BotState) -> None:
    await meet(polling, supervisor := Beating(state=state))
    polling.poller.heartbeat(supervisor.beat())

    assert not await is_heard(polling)


@pytest.mark.parametrize("interval", [0.0, -30.0, MIN_INTERVAL_SECONDS - 1, MAX_INTERVAL_SECONDS + 1, 1e9])
async def test_no_pod_chooses_how_long_it_may_be_silent(polling: Polling, interval: float) -> None:
    await meet(polling, supervisor := Beating(interval=interval))

    assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.UNKNOWN
    assert not await is_heard(polling)


async def test_a_forged_heartbeat_hides_no_silence(polling: Polling) -> None:
    await meet(polling, Beating())
    forger = Beating(sent=1000)
    for _ in range(9):
        assert polling.poller.heartbeat(forger.beat(OTHER_KEY)) is HeartbeatResult.FORGED
        await wait(polling, SWEEP_SECONDS)

    await wait(polling, SWEEP_SECONDS)

    assert len(polling.control.questions) == 1


async def test_a_copied_heartbeat_hides_no_silence(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    copy = supervisor.beat()
    assert polling.poller.heartbeat(copy) is HeartbeatResult.HEARD
    for _ in range(10):
        await wait(polling, SWEEP_SECONDS)
        assert polling.poller.heartbeat(copy) is HeartbeatResult.REPEATED

    assert len(polling.control.questions) == 1


async def test_a_heartbeat_from_before_a_takeover_hides_no_silence(polling: Polling) -> None:
    supervisor = Beating()
    copies = [supervisor.beat() for _ in range(5)]
    await meet(polling, supervisor)

    assert [polling.poller.heartbeat(copy) for copy in copies] == [HeartbeatResult.REPEATED] * 5


async def test_a_flood_of_news_has_the_supervisor_asked_once_in_half_an_interval(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    supervisor.revision += 1
    assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.NEWS
    await turn()
    await polling.answer(with_=supervisor.answer())
    for _ in range(50):
        supervisor.revision += 1
        assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.EARLY
        await turn()

    assert len(polling.control.questions) == 1


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"1 made up 1 1 " + b"x" * 32, id="no heartbeat"),
        pytest.param(to_datagram(heartbeat_id("ab" * 32), 1, 1, OTHER_KEY), id="no session"),
        pytest.param(Beating(GOOD).beat(), id="not asked yet"),
    ],
)
async def test_what_the_operator_does_not_know_is_ignored(polling: Polling, datagram: bytes) -> None:
    await meet(polling, Beating())
    await polling.read(GOOD)

    assert polling.poller.heartbeat(datagram) is HeartbeatResult.UNKNOWN


async def test_a_session_that_is_gone_is_not_heard(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    polling.poller.forget(KEY)

    assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.UNKNOWN
    await wait(polling, 2 * INTERVAL)
    assert polling.control.questions == []


async def test_heartbeats_of_an_earlier_pod_do_not_count(polling: Polling) -> None:
    await meet(polling, supervisor := Beating())
    await polling.read(KEY, uid="another")

    assert polling.poller.heartbeat(supervisor.beat()) is HeartbeatResult.UNKNOWN


async def test_an_operator_that_was_stopped_waits_for_the_heartbeats(polling: Polling) -> None:
    """They wait in its socket, or were lost because it did not run."""
    await meet(polling, supervisor := Beating())
    await wait(polling, SWEEP_SECONDS)

    polling.clock.pass_(600)
    polling.poller.sweep()
    await turn()
    assert polling.control.questions == []

    polling.poller.heartbeat(supervisor.beat())
    await wait(polling, INTERVAL)
    assert polling.control.questions == []


async def test_those_that_are_heard_are_counted(polling: Polling) -> None:
    await meet(polling, Beating())
    await meet(polling, Beating(GOOD, sent=0))

    assert polling.poller.heard() == 1
