"""One operator holds the Lease, renews it, loses it or lets it go; who does not hold it sends nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from time import CLOCK_BOOTTIME
from typing import Any

import aiohttp
import pytest
from kubernetes.aio import client
from prometheus_client import CollectorRegistry

from botsession_contract.control import EndRequest, SessionPatch
from botsession_contract.lifecycle import Cause, Mode
from botsession_operator.api.reasons import EventReason
from botsession_operator.clock import SystemClock
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.observe.observed import NoSnapshot
from botsession_operator.core.observe.webhook_delivery import Answer
from botsession_operator.core.shards import Shard
from botsession_operator.core.status.k8s_events import KubernetesEvent, Severity
from botsession_operator.effects import lease as lease_module
from botsession_operator.effects.control import HttpControl, make_session
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.effects.lease import LeaderElector, boot_seconds
from botsession_operator.effects.rival_leases import RivalLeases
from botsession_operator.effects.webhook import HttpWebhook
from botsession_operator.errors import LeaseLost
from botsession_operator.metrics import Metrics
from tests.builders import KEY, pod, session
from tests.lease_server import LEASE, LeaseServer, connect, lease_server
from tests.log_lines import Line


class Lost:
    """The lease of an operator that has lost it."""

    def seconds_left(self) -> float:
        return 0.0


class Time:
    """A clock that goes on only while somebody sleeps. What is planned for a moment happens then."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.plans: list[tuple[float, Callable[[], None]]] = []
        #: Set when nothing is planned any more: who stands for election then waits for the test.
        self.is_over = asyncio.Event()

    def at(self, after: float, do: Callable[[], None]) -> None:
        self.plans.append((self.now + after, do))

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        due = [do for when, do in self.plans if when <= self.now]
        self.plans = [(when, do) for when, do in self.plans if when > self.now]
        for do in due:
            do()
        if not self.plans:
            self.is_over.set()
            await asyncio.Event().wait()


@pytest.fixture
async def server() -> AsyncIterator[LeaseServer]:
    async with lease_server() as server:
        yield server


@pytest.fixture
async def connected(server: LeaseServer) -> AsyncIterator[client.ApiClient]:
    async with connect(server.url) as connected:
        yield connected


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def elector(connected: client.ApiClient, time: Time) -> LeaderElector:
    return LeaderElector(connected, LEASE, "us", seconds=lambda: time.now, sleep=time.sleep)


async def run(elector: LeaderElector, time: Time, until: float) -> None:
    """Let an operator stand for election until then, or until it has lost."""
    time.at(until, lambda: None)
    running = asyncio.create_task(elector.run())
    over = asyncio.create_task(time.is_over.wait())
    await asyncio.wait({running, over}, return_when=asyncio.FIRST_COMPLETED)
    for task in (running, over):
        task.cancel()
    await asyncio.gather(running, over, return_exceptions=True)
    time.is_over.clear()


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


EVENT = KubernetesEvent(Severity.NORMAL, EventReason.STARTED, "note")
MANIFEST = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": KEY.namespace}}
Write = Callable[[KubernetesCluster], Awaitable[object]]


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda to: to.set_session_finalizers(session(), ()), id="set_session_finalizers"),
        pytest.param(lambda to: to.write_status(KEY, "1", {}), id="write_status"),
        pytest.param(lambda to: to.delete_session(session()), id="delete_session"),
        pytest.param(lambda to: to.create_pod(MANIFEST), id="create_pod"),
        pytest.param(lambda to: to.delete_pod(pod(), PodDeletion.NORMAL), id="delete_pod"),
        pytest.param(lambda to: to.end_sidecars(pod()), id="end_sidecars"),
        pytest.param(lambda to: to.set_pod_finalizers(pod(), ()), id="set_pod_finalizers"),
        pytest.param(lambda to: to.create_budget(MANIFEST), id="create_budget"),
        pytest.param(lambda to: to.create_object(MANIFEST), id="create_object"),
    ],
)
async def test_a_write_without_the_lease_is_not_sent(
    server: LeaseServer, connected: client.ApiClient, write: Write
) -> None:
    with pytest.raises(LeaseLost):
        await write(KubernetesCluster(connected, "us", Lost()))

    assert server.others == []


async def test_an_event_without_the_lease_is_not_sent(server: LeaseServer, connected: client.ApiClient) -> None:
    await KubernetesCluster(connected, "us", Lost()).record_event(session(), EVENT)

    assert server.others == []


async def test_no_supervisor_is_asked_without_the_lease(server: LeaseServer) -> None:
    port = int(server.url.rpartition(":")[2])
    one = pod(address="127.0.0.1")
    async with make_session() as http:
        control = HttpControl(http, Metrics(CollectorRegistry()), lambda _: port, Lost())
        end = EndRequest(Mode.GRACEFUL, Cause.MAX_DURATION, None, 1.0, 1.0)
        answers = [
            await control.snapshot(one, "token"),
            await control.end(one, "token", end),
            await control.adjust(one, "token", SessionPatch()),
        ]

    assert answers == 3 * [NoSnapshot.UNREACHABLE]
    assert server.others == []


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("whsec_" + "A" * 32)
    return path


async def test_nothing_is_delivered_without_the_lease(server: LeaseServer, secret: Path) -> None:
    async with aiohttp.ClientSession() as http:
        webhook = HttpWebhook(http, f"{server.url}/hook", secret, SystemClock(), Lost())
        reply = await webhook.post("id", "{}")

    assert (reply.answer, server.others) == (Answer.FAILED, [])


async def test_a_write_is_given_up_before_another_one_can_lead(
    server: LeaseServer, connected: client.ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nearly(Lost):
        def seconds_left(self) -> float:
            return 0.25

    asked: list[object] = []
    sent = connected.call_api

    async def call_api(*arguments: Any, **options: Any) -> Any:
        asked.append(options["_request_timeout"])
        return await sent(*arguments, **options)

    monkeypatch.setattr(connected, "call_api", call_api)
    await KubernetesCluster(connected, "us", Nearly()).record_event(session(), EVENT)

    assert asked == [0.25]
