"""Who leads: never two at a time, whatever is late, lost or paused."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_operator.core.election import Election, LeaseRecord, LeaseTimings, Move

TIMINGS = LeaseTimings()
OURS = LeaseRecord("us", 15.0, "1")
THEIRS = LeaseRecord("them", 15.0, "1")
FREE = LeaseRecord("", 1.0, "1")
FRESH = Election("us")
LEADER = FRESH.observe(FREE, 100.0).after_write(OURS, began=100.0, now=101.0)


@pytest.mark.parametrize(
    ("election", "now", "move"),
    [
        pytest.param(FRESH.observe(None, 0.0), 0.0, Move.CREATE, id="there is none"),
        pytest.param(FRESH.observe(FREE, 0.0), 0.0, Move.TAKE, id="it was released"),
        pytest.param(FRESH.observe(THEIRS, 0.0), 14.9, Move.WAIT, id="another one may still hold it"),
        pytest.param(FRESH.observe(THEIRS, 0.0), 15.0, Move.TAKE, id="its holder has not renewed it"),
        pytest.param(
            FRESH.observe(THEIRS, 0.0).observe(replace(THEIRS, version="2"), 14.0),
            28.9,
            Move.WAIT,
            id="its holder has renewed it",
        ),
        pytest.param(
            FRESH.observe(THEIRS, 0.0).observe(THEIRS, 14.0), 15.0, Move.TAKE, id="a second look shows nothing new"
        ),
        pytest.param(
            FRESH.observe(replace(THEIRS, duration=60.0), 0.0), 59.0, Move.WAIT, id="its holder asked for more"
        ),
        pytest.param(FRESH.observe(OURS, 0.0), 0.0, Move.RENEW, id="the process before held it in this pod"),
        pytest.param(
            FRESH.observe(THEIRS, 0.0).observe(None, 1.0), 15.9, Move.WAIT, id="it was deleted from its holder"
        ),
        pytest.param(FRESH.observe(THEIRS, 0.0).observe(None, 1.0), 16.0, Move.CREATE, id="it was deleted long ago"),
        pytest.param(LEADER, 102.0, Move.RENEW, id="the leader renews it"),
        pytest.param(LEADER.observe(None, 102.0), 102.0, Move.CREATE, id="the leader makes it again"),
        pytest.param(LEADER, 110.0, Move.WAIT, id="a leader that has lost it leaves it alone"),
        pytest.param(LEADER.observe(THEIRS, 102.0), 200.0, Move.WAIT, id="a leader that was ousted leaves it alone"),
    ],
)
def test_what_an_operator_does_about_the_lease(election: Election, now: float, move: Move) -> None:
    assert election.decide(now) is move


def test_a_leader_may_write_from_the_start_of_its_renewal_until_the_deadline() -> None:
    assert LEADER.seconds_left(103.0) == 7.0
    assert LEADER.seconds_left(110.0) == 0.0
    assert (LEADER.is_lost(109.9), LEADER.is_lost(110.0)) == (False, True)


def test_a_leader_that_sees_another_holder_writes_no_more() -> None:
    ousted = LEADER.observe(THEIRS, 102.0)
    assert (ousted.seconds_left(102.0), ousted.is_lost(102.0)) == (0.0, True)


def test_an_operator_that_never_led_has_lost_nothing() -> None:
    assert not FRESH.observe(THEIRS, 0.0).is_lost(1000.0)


def test_transitions_count_the_changes_of_hand() -> None:
    assert FRESH.observe(None, 0.0).next_transitions == 0
    assert FRESH.observe(replace(THEIRS, transitions=4), 0.0).next_transitions == 5
    assert FRESH.observe(replace(OURS, transitions=4), 0.0).next_transitions == 4


# Several at once, over an API server that is late, or does not answer, while processes stand still. Whole seconds.


@dataclass(slots=True)
class Server:
    """The Lease as the API server keeps it."""

    record: LeaseRecord | None = None
    writes: int = 0

    def write(self, seen: LeaseRecord | None, holder: str) -> LeaseRecord | None:
        """Write it if it is as it was seen; None on a conflict."""
        if seen != self.record:
            return None
        self.writes += 1
        self.record = LeaseRecord(holder, TIMINGS.lease_duration, str(self.writes))
        return self.record


@dataclass(slots=True)
class Replica:
    """One operator, with at most one request under way. A request arrives even while its sender stands still."""

    server: Server
    election: Election
    #: How far its clock is ahead of the world's.
    ahead: int
    paused_until: int = 0
    next_try: int = 0
    must_look: bool = True
    #: What happens at the server, and later here, and when.
    arrival: tuple[int, Callable[[], None]] | None = None
    answer: tuple[int, Callable[[float], None]] | None = None
    #: How long its next requests take, there and back.
    delays: list[tuple[int, int]] = field(default_factory=list)

    def may_write(self, world: int) -> bool:
        return self.election.seconds_left(world + self.ahead) > 0

    def is_over(self, world: int) -> bool:
        return world >= self.paused_until and self.election.is_lost(world + self.ahead)

    def step(self, world: int) -> None:
        if self.arrival and world >= self.arrival[0]:
            (_, happen), self.arrival = self.arrival, None
            happen()
        if world < self.paused_until:
            return
        if self.answer and world >= self.answer[0]:
            (_, take_in), self.answer = self.answer, None
            take_in(world + self.ahead)
        elif not self.arrival and not self.answer and world >= self.next_try:
            self.ask(world)

    def ask(self, world: int) -> None:
        there, back = self.delays.pop(0) if self.delays else (0, 1)
        request = self.look if self.must_look else self.write
        self.arrival = world + there, lambda: request(world + self.ahead, world + there + back)

    def look(self, _: float, answered: int) -> None:
        found = self.server.record

        def take_in(now: float) -> None:
            self.election, self.must_look = self.election.observe(found, now), False
            if self.election.decide(now) is Move.WAIT:
                self.must_look, self.next_try = True, answered + 1

        self.answer = answered, take_in

    def write(self, began: float, answered: int) -> None:
        may_act = self.election.decide(began) is not Move.WAIT
        written = self.server.write(self.election.record, self.election.identity) if may_act else None

        def take_in(now: float) -> None:
            self.must_look = written is None
            if written and self.election.decide(now) is not Move.WAIT:
                self.election = self.election.after_write(written, began, now)
                self.next_try = answered + int(TIMINGS.retry_period)

        self.answer = answered, take_in


#: To which replica it happens, what, and for how many seconds.
faults = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["stands still", "slow to arrive", "slow to answer"]), st.integers(1, 40)
    ),
    max_size=8,
)


def befall(replica: Replica, what: str, seconds: int, world: int) -> None:
    match what:
        case "stands still":
            replica.paused_until = world + seconds
        case "slow to arrive":
            replica.delays.append((seconds, 1))
        case _:
            replica.delays.append((0, seconds))


@given(st.lists(st.integers(-5000, 5000), min_size=3, max_size=3), st.lists(faults, min_size=1, max_size=8))
def test_never_may_two_write_at_a_time(clocks: list[int], rounds: list[list[tuple[int, str, int]]]) -> None:
    server, world = Server(), 0
    replicas = [Replica(server, Election(f"operator-{i}"), ahead) for i, ahead in enumerate(clocks)]
    for number, faults_now in enumerate([*rounds, [], []]):
        for who, what, seconds in faults_now:
            befall(replicas[who], what, seconds, world)
        for second in range(50):
            world = number * 50 + second
            for i, replica in enumerate(replicas):
                replica.step(world)
                writers = [each.election.identity for each in replicas if each.may_write(world)]
                assert len(writers) <= 1, writers
                if replica.is_over(world):  # its process ends, and another begins
                    replicas[i] = Replica(server, Election(f"{replica.election.identity}'"), replica.ahead)
    # Nothing has been wrong for a while, so one of them leads.
    assert any(each.may_write(world) for each in replicas)
