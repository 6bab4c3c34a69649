"""A watch that lags, repeats, reorders and loses events costs time, and never a wrong or a second end."""

import asyncio
import itertools
import uuid
from datetime import datetime
from random import Random
from typing import Final
from unittest import mock
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from botsession_contract.json_codec import parse_time
from botsession_contract.lifecycle import BotState, Reason
from botsession_operator.api.duration import parse_duration
from botsession_operator.api.spec import Json
from botsession_operator.reconcile.deps import Deps
from tests.builders import KEY
from tests.log_lines import captured
from tests.watched import POD, SESSION, WatchedWorld, show_events

#: Ten seconds of a processor that may have other work too.
pytestmark = pytest.mark.timeout(1800, func_only=True)
#: The version of a list: nothing in a store is newer than what there is.
NEWEST: Final = "999999999"
#: More than enough for what a user waits for: an ending that is forced, and the time that a store is believed.
MAX_LOOKS: Final = 60


class Watched(RuleBasedStateMachine):
    """One session, and an operator whose watch is faulty."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        # The same UIDs each time the story is told: how long an object is believed depends on them.
        self.uids = mock.patch.object(uuid, "uuid4", side_effect=(UUID(int=number) for number in itertools.count(1)))
        self.uids.start()
        self.world = WatchedWorld(is_slow=True)
        self.world.watched.is_faulty = True
        self.operator: Deps = self.world.deps()

    @initialize(is_held=st.booleans())
    def the_session_is_created(self, is_held: bool) -> None:
        self.world.is_held_from_creation = is_held
        self.world.apply(maxSessionDuration="10m")

    # What the watch does.

    @rule()
    def the_watch_catches_up(self) -> None:
        self.world.watched.deliver()

    @rule(count=st.integers(1, 3))
    def the_watch_brings_some(self, count: int) -> None:
        watched = self.world.watched
        watched.events, rest = watched.events[:count], watched.events[count:]
        watched.deliver()
        watched.events = rest

    @rule(order=st.randoms(use_true_random=False))
    def the_watch_brings_all_in_another_order(self, order: Random) -> None:
        order.shuffle(self.world.watched.events)
        self.world.watched.deliver()

    @rule(back=st.integers(1, 10))
    def the_watch_brings_again_what_it_has_brought(self, back: int) -> None:
        show_events(self.world.watch_store, self.world.watched.delivered[-back:])

    @rule()
    def the_watch_loses_what_it_has_not_brought(self) -> None:
        self.world.watched.events.clear()

    @rule()
    def the_watch_begins_anew(self) -> None:
        self._list()

    # What happens.

    @rule(seconds=st.sampled_from([1, 20, 60, 300]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.pass_(seconds)

    @rule(minutes=st.sampled_from([1, 10, 60]))
    def the_session_is_edited(self, minutes: int) -> None:
        self.world.edit(maxSessionDuration=f"{minutes}m")

    @rule()
    def the_session_is_deleted(self) -> None:
        self.world.delete()

    @precondition(lambda self: self._has_pod() and "nodeName" not in self.world.stored_pod["spec"])
    @rule()
    def the_container_starts(self) -> None:
        self.world.schedule()
        self.world.run_container()

    @precondition(lambda self: self._state() is BotState.STARTING)
    @rule()
    def the_pipeline_starts(self) -> None:
        self.world.start_pipeline()

    @precondition(lambda self: self._state() is not None)
    @rule()
    def the_wire_breaks_or_heals(self) -> None:
        self.world.supervisor.answers = not self.world.supervisor.answers

    @precondition(lambda self: self._state() is BotState.RUNNING)
    @rule()
    def the_bot_completes(self) -> None:
        self.world.report(Reason.COMPLETED)

    @precondition(lambda self: self._state() is BotState.ENDING)
    @rule()
    def the_bot_ends_as_asked(self) -> None:
        self.world.end_as_asked()

    # What the operator does.

    @rule()
    def another_operator_takes_over(self) -> None:
        self.operator = self.world.deps()

    @rule(behind=st.integers(1, 20), count=st.integers(1, 3))
    def another_operator_takes_over_whose_watch_lags(self, behind: int, count: int) -> None:
        self.operator = self.world.deps(behind=behind)
        self.the_watch_brings_some(count)

    @invariant()
    def the_operator_looks(self) -> None:
        self._look()

    @invariant()
    def at_most_one_pod_and_one_finish(self) -> None:
        assert len(self.world.cluster.created) <= 1
        assert len(self.world.cluster.finishes) <= 1

    def teardown(self) -> None:
        """The watch works again: what was deleted ends, and nothing is left."""
        if self._state() is not None:
            self.world.supervisor.answers = True
        self.world.delete()
        for _ in range(MAX_LOOKS):
            if self.world.is_empty:
                break
            self._list()
            self._look()
            if self._state() is BotState.ENDING:
                self.world.end_as_asked()
            self.world.clock.pass_(20)
        assert self.world.is_empty, "something is left"
        assert len(self.world.cluster.finishes) <= 1
        self.uids.stop()
        self.loop.close()

    def _look(self) -> None:
        started = self.world.supervisor.snapshot.started_at if self._state() is not None else None
        is_due, asked = self._is_due(started), self.world.control.asked.count("end")
        with captured():
            self.loop.run_until_complete(self.world.run_passes(self.operator))
        assert is_due or self.world.control.asked.count("end") == asked, "it was ended before its time"

    def _is_due(self, started: datetime | None) -> bool:
        """Return whether the session, as the API server has it now, is to end."""
        stored = self.world.sessions.get(KEY.namespace, KEY.name)
        if stored is None or "deletionTimestamp" in stored["metadata"]:
            return True
        begins = started or parse_time(stored["metadata"]["creationTimestamp"])
        limit = stored["spec"]["maxSessionDuration" if started else "startTimeout"]
        return self.world.clock.now() >= begins + parse_duration(limit)

    def _list(self) -> None:
        """Bring what there is, as a watch does that was lost. What the list lacks is removed from the store."""
        self.world.watched.events.clear()
        store = self.world.watch_store
        for kind, objects in ((SESSION, self.world.sessions), (POD, self.world.cluster.pods)):
            there: list[Json] = [raw for place in objects.names() if (raw := objects.get(*place))]
            show_events(store, [(kind, None, raw) for raw in there])
            remove_others = store.sessions_listed if kind == SESSION else store.pods_listed
            remove_others(None, {raw["metadata"]["uid"] for raw in there}, NEWEST)

    def _has_pod(self) -> bool:
        return bool(self.world.cluster.pods.names())

    def _state(self) -> BotState | None:
        if not self._has_pod() or self.world.pod_name not in self.world.control.supervisors:
            return None
        return self.world.supervisor.snapshot.state


Watched.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    deadline=None,
)
TestWatched = Watched.TestCase
