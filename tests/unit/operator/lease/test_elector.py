"""One operator holds the Lease, renews it, loses it or lets it go."""

import asyncio
from time import CLOCK_BOOTTIME

import pytest
from kubernetes.aio import client

from botsession_operator.effects import lease as lease_module
from botsession_operator.effects.lease import LeaderElector, boot_seconds
from tests.lease_server import LEASE, LeaseServer
from tests.log_lines import Line
from tests.unit.operator.lease.elections import Time, run


@pytest.fixture
def elector(connected: client.ApiClient, time: Time) -> LeaderElector:
    return LeaderElector(connected, LEASE, "us", seconds=lambda: time.now, sleep=time.sleep)


async def test_a_lease_that_is_not_there_is_made(server: LeaseServer, elector: LeaderElector, time: Time) -> None:
    await run(elector, time, until=1.0)

    assert elector.seconds_left() > 0
    assert (server.spec["holderIdentity"], server.spec["leaseDurationSeconds"]) == ("us", 15)
    assert {"acquireTime", "renewTime"} <= server.spec.keys()


async def test_a_leader_renews_without_a_look(server: LeaseServer, elector: LeaderElector, time: Time) -> None:
    await run(elector, time, until=20.0)

    assert elector.seconds_left() == 8.0
    assert server.changes == ["POST"] + 9 * ["PATCH"]
    assert server.spec["leaseTransitions"] == 0


async def test_another_ones_lease_is_left_alone_while_it_is_renewed(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    server.keep(holderIdentity="them", leaseDurationSeconds=15)
    for after in range(10, 60, 10):
        time.at(after, server.keep)

    await run(elector, time, until=64.0)

    assert elector.seconds_left() == 0
    assert server.changes == []


WALL_CLOCKS = ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"]


@pytest.mark.parametrize("theirs", WALL_CLOCKS)
async def test_the_wall_clock_of_the_leader_changes_nothing_for_a_standby(
    server: LeaseServer, elector: LeaderElector, time: Time, theirs: str
) -> None:
    """A clock that has jumped makes no Lease old or young: only that it is renewed counts."""
    server.keep(holderIdentity="them", leaseDurationSeconds=15, renewTime=theirs, acquireTime=theirs)
    for after in range(10, 40, 10):
        time.at(after, server.keep)

    await run(elector, time, until=44.0)
    assert (elector.seconds_left(), server.changes) == (0, [])
    await run(elector, time, until=4.0)

    assert (elector.seconds_left() > 0, server.spec["holderIdentity"]) == (True, "us")


@pytest.mark.parametrize("ours", WALL_CLOCKS)
async def test_a_leader_whose_wall_clock_jumps_still_leads(
    server: LeaseServer, elector: LeaderElector, time: Time, monkeypatch: pytest.MonkeyPatch, ours: str
) -> None:
    await run(elector, time, until=10.0)
    monkeypatch.setattr(lease_module, "_now", lambda: ours)

    await run(elector, time, until=20.0)

    assert elector.seconds_left() > 0
    assert (server.spec["renewTime"], set(server.changes)) == (ours, {"POST", "PATCH"})


def test_a_lease_is_counted_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """It also runs while the machine is suspended: a leader that wakes up has lost."""
    monkeypatch.setattr("time.clock_gettime", lambda clock: {CLOCK_BOOTTIME: 7.0}[clock])

    assert boot_seconds() == 7.0


async def test_a_lease_is_taken_that_nobody_renews(server: LeaseServer, elector: LeaderElector, time: Time) -> None:
    server.keep(holderIdentity="them", leaseDurationSeconds=15, leaseTransitions=3)

    await run(elector, time, until=14.0)
    assert elector.seconds_left() == 0
    await run(elector, time, until=2.0)

    assert elector.seconds_left() > 0
    assert (server.spec["holderIdentity"], server.spec["leaseTransitions"]) == ("us", 4)
    assert elector.predecessor == "them"


async def test_a_lease_that_was_released_is_taken_at_the_next_look(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    server.keep(holderIdentity="them", leaseDurationSeconds=15)
    time.at(5.0, lambda: server.keep(holderIdentity="", leaseDurationSeconds=1))

    await run(elector, time, until=5.0)
    assert elector.seconds_left() == 0
    await run(elector, time, until=1.0)

    assert elector.seconds_left() > 0


async def test_a_leader_that_reaches_nobody_loses_the_lease_in_time(
    server: LeaseServer, elector: LeaderElector, time: Time, logs: list[Line]
) -> None:
    time.at(3.0, lambda: setattr(server, "refusal", 503))

    await run(elector, time, until=60.0)

    assert elector.is_lost
    assert time.now == 1012.0  # the last renewal was 2 s after the first
    assert [line["event"] for line in logs if line["level"] == "critical"] == ["lease lost"]


async def test_an_outage_that_is_over_in_time_costs_nothing(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    time.at(3.0, lambda: setattr(server, "refusal", 503))
    time.at(9.0, lambda: setattr(server, "refusal", None))

    await run(elector, time, until=60.0)

    assert not elector.is_lost
    assert elector.seconds_left() > 0


async def test_a_leader_that_was_paused_asks_nobody_and_loses(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    def pause() -> None:
        time.now += 11.0
        server.changes.clear()

    time.at(2.0, pause)

    await run(elector, time, until=60.0)

    assert elector.is_lost
    assert server.changes == []


async def test_a_leader_that_somebody_has_ousted_loses(server: LeaseServer, elector: LeaderElector, time: Time) -> None:
    time.at(3.0, lambda: server.keep(holderIdentity="them"))

    await run(elector, time, until=60.0)

    assert elector.is_lost
    assert server.spec["holderIdentity"] == "them"


async def test_a_lease_that_somebody_edits_is_renewed_as_it_is(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    time.at(3.0, lambda: server.keep(strategy="OldestEmulationVersion"))

    await run(elector, time, until=60.0)

    assert elector.seconds_left() > 0
    assert server.spec["strategy"] == "OldestEmulationVersion"


async def test_the_leader_makes_a_lease_again_that_was_deleted(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    time.at(3.0, lambda: setattr(server, "lease", None))

    await run(elector, time, until=60.0)

    assert elector.seconds_left() > 0
    assert server.spec["holderIdentity"] == "us"


async def test_a_lease_that_is_released_is_free_and_binds_nobody_else(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    await run(elector, time, until=3.0)

    await elector.release()

    assert elector.seconds_left() == 0
    assert server.spec["holderIdentity"] == ""


async def test_a_renewal_that_was_broken_off_keeps_nobody_from_the_release(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    await run(elector, time, until=3.0)
    server.keep()

    await elector.release()

    assert server.spec["holderIdentity"] == ""


async def test_an_operator_that_is_stopped_while_it_takes_the_lease_releases_it(
    server: LeaseServer, elector: LeaderElector
) -> None:
    server.keeps_silent = True
    running = asyncio.create_task(elector.run())
    await server.has_kept_silent.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert server.spec["holderIdentity"] == "us"
    server.keeps_silent = False

    await elector.release()

    assert server.spec["holderIdentity"] == ""


async def test_another_ones_lease_is_not_released(server: LeaseServer, elector: LeaderElector, time: Time) -> None:
    await run(elector, time, until=3.0)
    server.keep(holderIdentity="them")

    await elector.release()

    assert server.spec["holderIdentity"] == "them"


async def test_an_operator_that_never_led_releases_nothing(
    server: LeaseServer, elector: LeaderElector, time: Time
) -> None:
    server.keep(holderIdentity="them", leaseDurationSeconds=15)
    await run(elector, time, until=3.0)

    await elector.release()

    assert server.changes == []


async def test_a_server_that_releases_nothing_only_costs_the_lease_its_time(
    server: LeaseServer, elector: LeaderElector, time: Time, logs: list[Line]
) -> None:
    await run(elector, time, until=3.0)
    server.refusal = 503

    await elector.release()

    assert "lease not released" in [line["event"] for line in logs]
