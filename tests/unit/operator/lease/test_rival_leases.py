"""An operator leads only while no operator with another number of shards does."""

from typing import Any

import pytest
from kubernetes.aio import client

from botsession_operator.core.shards import Shard
from botsession_operator.effects.lease import LeaderElector
from botsession_operator.effects.rival_leases import RivalLeases
from tests.lease_server import LEASE, LeaseServer
from tests.unit.operator.lease.elections import Time, run

RIVAL = f"{LEASE.name}-shard-0-of-2"
HELD = {"holderIdentity": "rival", "leaseDurationSeconds": 15}


@pytest.fixture
def beside_rivals(connected: client.ApiClient, time: Time) -> LeaderElector:
    """Return the elector of an operator that owns all namespaces, as rivals with two shards do together."""
    rivals = RivalLeases(connected, str(LEASE.namespace), LEASE.name, Shard(), lambda: time.now)
    return LeaderElector(connected, LEASE, "us", seconds=lambda: time.now, sleep=time.sleep, rivals=rivals)


async def test_a_free_lease_is_not_taken_while_a_rival_leads(
    server: LeaseServer, beside_rivals: LeaderElector, time: Time
) -> None:
    server.rivals = {RIVAL: HELD}

    await run(beside_rivals, time, until=14.0)

    assert beside_rivals.seconds_left() == 0
    assert server.changes == []


@pytest.mark.parametrize(
    "rivals", [{RIVAL: {"holderIdentity": ""}}, {f"{LEASE.name}-of-another": HELD}, {}], ids=["free", "foreign", "none"]
)
async def test_leases_that_nobody_holds_and_those_of_other_programs_keep_nobody_from_leading(
    server: LeaseServer, beside_rivals: LeaderElector, time: Time, rivals: dict[str, Any]
) -> None:
    server.rivals = rivals

    await run(beside_rivals, time, until=1.0)

    assert beside_rivals.seconds_left() > 0


async def test_a_rival_that_is_dead_is_waited_for_as_long_as_it_may_write(
    server: LeaseServer, beside_rivals: LeaderElector, time: Time
) -> None:
    server.rivals = {RIVAL: HELD}

    await run(beside_rivals, time, until=14.0)
    assert beside_rivals.seconds_left() == 0
    await run(beside_rivals, time, until=2.0)

    assert beside_rivals.seconds_left() > 0


class Sudden:
    """Rivals of which one takes its Lease just after this operator has looked."""

    retreat_seconds = 3.0

    def __init__(self, *answers: bool) -> None:
        self._answers = list(answers)

    async def are_gone(self) -> bool:
        return self._answers.pop(0)


async def test_an_operator_that_takes_its_lease_at_the_same_time_as_a_rival_returns_it(
    server: LeaseServer, connected: client.ApiClient, time: Time
) -> None:
    sudden = Sudden(True, False, True, True)
    elector = LeaderElector(connected, LEASE, "us", seconds=lambda: time.now, sleep=time.sleep, rivals=sudden)

    await run(elector, time, until=2.0)
    assert (elector.seconds_left(), server.spec["holderIdentity"]) == (0, "")
    await run(elector, time, until=3.0)

    assert (elector.seconds_left() > 0, server.spec["holderIdentity"]) == (True, "us")


async def test_rivals_see_each_other_and_wait_for_different_times(
    server: LeaseServer, connected: client.ApiClient
) -> None:
    server.keep(**HELD)
    server.rivals = {RIVAL: HELD}
    one, two = (RivalLeases(connected, str(LEASE.namespace), LEASE.name, shard) for shard in (Shard(), Shard(0, 2)))

    assert (await one.are_gone(), await two.are_gone()) == (False, False)
    assert one.retreat_seconds != two.retreat_seconds
