"""Heartbeats that are lost, late, copied or forged: no silence and no news stay hidden for long.

Hypothesis plays the network, a forger and the supervisor. The operator works as it does: it sweeps, polls, and reads
what it was answered.
"""

import asyncio
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import NoSnapshot
from botsession_operator.received_heartbeats import PATIENCE, HeartbeatResult
from botsession_operator.supervisor_poller import SWEEP_SECONDS
from tests.builders import KEY
from tests.examples import examples
from tests.heartbeats import INTERVAL, OTHER_KEY, Beating
from tests.polling import Polling, turn

pytestmark = pytest.mark.timeout(1800, func_only=True)
TIMEOUTS: Final = ControllerTimeouts()
STEP: Final = timedelta(seconds=SWEEP_SECONDS)
#: After that long at most the operator knows of a silence, or of news: one heartbeat is missing, and the supervisor is
#: polled twice, since it may have been asked a moment before.
LIMIT: Final = timedelta(seconds=PATIENCE * INTERVAL) + STEP + 2 * TIMEOUTS.slow_requeue


class Network(Enum):
    """What becomes of a heartbeat."""

    DELIVERS = auto()
    LOSES = auto()
    DELAYS = auto()


class World(RuleBasedStateMachine):
    """One session, its supervisor, and an operator that polls it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.polling = Polling()
        self.supervisor = Beating(sent=0)
        self.network = Network.DELIVERS
        self.delayed: list[bytes] = []
        self.arrived: list[bytes] = []
        self.is_alive = True
        self.known_revision = 0
        self.knows_of_silence = False
        self.due_at = self.beats_at = self.now
        #: Since when the operator could have known what it does not know yet.
        self.unknown_since = self.now

    @property
    def now(self) -> datetime:
        return self.polling.clock.now()

    @rule(steps=st.integers(1, 24))
    def time_passes(self, steps: int) -> None:
        for _ in range(steps):
            self.polling.clock.pass_(SWEEP_SECONDS)
            self._beat_if_due()
            self.loop.run_until_complete(self._operate())

    @rule(network=st.sampled_from(Network))
    def the_network_changes(self, network: Network) -> None:
        self.network = network

    @precondition(lambda self: self.is_alive)
    @rule()
    def there_is_news(self) -> None:
        if self.known_revision == self.supervisor.revision:
            self.unknown_since = self.now
        self.supervisor.revision += 1

    @precondition(lambda self: self.is_alive)
    @rule()
    def the_supervisor_dies(self) -> None:
        self.is_alive, self.unknown_since = False, self.now

    @precondition(lambda self: self.delayed)
    @rule()
    def what_was_late_arrives(self) -> None:
        self.arrived += self.delayed
        for datagram in self.delayed:
            if self._receive(datagram) in (HeartbeatResult.HEARD, HeartbeatResult.NEWS):
                self.unknown_since = self.now
        self.delayed.clear()

    @precondition(lambda self: self.arrived)
    @rule(back=st.integers(1, 5))
    def somebody_sends_copies(self, back: int) -> None:
        for datagram in self.arrived[-back:]:
            self._send_what_proves_nothing(datagram)

    @rule(ahead=st.integers(1, 100))
    def somebody_forges_one(self, ahead: int) -> None:
        self._send_what_proves_nothing(Beating(sent=self.supervisor.sent + ahead).beat(OTHER_KEY))

    @rule(seconds=st.sampled_from([20, 100, 3600]))
    def the_operator_is_stopped(self, seconds: int) -> None:
        """Its process does not run for a while, and the supervisor goes on."""
        self.polling.clock.pass_(seconds)
        self.unknown_since = self.now

    @rule()
    def another_operator_takes_over(self) -> None:
        self.loop.run_until_complete(self.polling.poller.close())
        clock, self.polling = self.polling.clock, Polling()
        self.polling.clock.pass_((clock.now() - self.now).total_seconds())
        self.due_at = self.unknown_since = self.now
        self.known_revision, self.knows_of_silence = 0, False
        self.loop.run_until_complete(self._operate())

    @invariant()
    def nothing_stays_hidden(self) -> None:
        if self.now - self.unknown_since <= LIMIT:
            return
        if self.is_alive:
            assert self.known_revision == self.supervisor.revision
        else:
            assert self.knows_of_silence

    def teardown(self) -> None:
        self.loop.run_until_complete(self.polling.poller.close())
        self.loop.close()

    def _receive(self, datagram: bytes) -> HeartbeatResult:
        async def receive() -> HeartbeatResult:
            return self.polling.poller.heartbeat(datagram)

        return self.loop.run_until_complete(receive())

    def _send_what_proves_nothing(self, datagram: bytes) -> None:
        assert self._receive(datagram) not in (HeartbeatResult.HEARD, HeartbeatResult.NEWS)

    def _beat_if_due(self) -> None:
        if not self.is_alive or self.now < self.beats_at:
            return
        self.beats_at = self.now + timedelta(seconds=INTERVAL)
        datagram = self.supervisor.beat()
        if self.network is Network.DELIVERS:
            self.arrived.append(datagram)
            self._receive(datagram)
        elif self.network is Network.DELAYS:
            self.delayed.append(datagram)

    async def _operate(self) -> None:
        """Do what the controller does at this time: look for missing heartbeats, run passes, read answers."""
        self.polling.poller.sweep()
        if self.now >= self.due_at:
            await self._pass()
        await self._answer()
        while self.polling.dirty:
            self.polling.dirty.clear()
            await self._pass()
            await self._answer()

    async def _pass(self) -> None:
        reading = await self.polling.read()
        self.knows_of_silence = reading.snapshot is NoSnapshot.UNREACHABLE
        if not isinstance(reading.snapshot, NoSnapshot) and reading.snapshot.heartbeats:
            self.known_revision = reading.snapshot.heartbeats.revision
        wait = TIMEOUTS.heard_requeue if reading.is_heard else TIMEOUTS.slow_requeue
        retry_at = self.polling.poller.retry_at(KEY)
        self.due_at = min(self.now + wait, retry_at or self.now + wait)

    async def _answer(self) -> None:
        await turn()
        if self.is_alive:
            await self.polling.answer(with_=self.supervisor.answer())
        else:
            await self.polling.be_silent()


World.TestCase.settings = settings(
    max_examples=examples(100), stateful_step_count=20, suppress_health_check=[HealthCheck.too_slow]
)
TestWorld = World.TestCase
