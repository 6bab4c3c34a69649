"""What holds for every session, whatever happens in whatever order.

Hypothesis plays the world: time, the user, the kubelet, the bot, the wire. After each move the operator looks, unless
it is down, so that passes that never came (a restart, a lost event) are part of the game.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from botsession_contract.control import SessionSnapshot
from botsession_contract.json_codec import decode, encode
from botsession_contract.lifecycle import BotState, Cause, Mode, Outcome, Reason
from botsession_contract.report import Ending
from botsession_operator.api.reasons import ExternalReason
from botsession_operator.api.spec import EndNow, EvictionPolicy, PodRetention
from botsession_operator.api.status import Status
from botsession_operator.core.decide import earlier_answers, eviction, exposure
from botsession_operator.core.decide.plan import ControllerTimeouts, Plan, PodDeletion, make_plan
from botsession_operator.core.decide.supervisor_limits import session_limits
from botsession_operator.core.observe.observed import (
    Freshness,
    Observed,
    PodState,
    Termination,
    WaitingReason,
)
from botsession_operator.core.observe.timeline import timeline_of
from botsession_operator.core.status.coalescing import write_due_at
from botsession_operator.core.status.derive import Applied, derive_status
from tests.builders import POD_NAME, report
from tests.examples import examples
from tests.invariants import check_plan, check_status
from tests.session_model import GRACE, OneSession

TIMEOUTS: Final = ControllerTimeouts()
#: Always the same ones; a story that ever failed is told again in test_crash.
RUNS: Final = examples(2000)
#: They take half a minute of a processor that may have other work too.
pytestmark = pytest.mark.timeout(1800, func_only=True)
#: An ending on a dead node, asked for every two seconds: the ladder, the pod's grace, and both margins.
MAX_LOOKS: Final = 100


class Refused(Exception):
    """The API server has not taken a write: the pass ends there, and the next one begins from what it reads."""


class Sessions(OneSession):
    """One session, its pod and its supervisor."""

    # The world's moves.

    @rule(seconds=st.sampled_from([1, 20, 60, 300]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(minutes=st.sampled_from([1, 10, 60]), grace=st.sampled_from([0, 30]), mode=st.sampled_from(Mode))
    def limits_are_edited(self, minutes: int, grace: int, mode: Mode) -> None:
        shutdown = replace(self.session.spec.shutdown, grace_period=timedelta(seconds=grace), mode=mode)
        spec = replace(self.session.spec, max_session_duration=timedelta(minutes=minutes), shutdown=shutdown)
        self.session = replace(self.session, spec=spec, generation=self.session.generation + 1)

    @rule(minutes=st.sampled_from([0, 1, 5]))
    def the_idle_timeout_is_edited(self, minutes: int) -> None:
        spec = replace(self.session.spec, idle_timeout=timedelta(minutes=minutes))
        self.session = replace(self.session, spec=spec, generation=self.session.generation + 1)

    @rule(minutes=st.sampled_from([None, 0, 5]), retention=st.sampled_from(PodRetention))
    def what_is_kept_is_edited(self, minutes: int | None, retention: PodRetention) -> None:
        ttl = None if minutes is None else timedelta(minutes=minutes)
        spec = replace(self.session.spec, ttl_after_finished=ttl, pod_retention=retention)
        self.session = replace(self.session, spec=spec, generation=self.session.generation + 1)

    @rule(policy=st.sampled_from(EvictionPolicy))
    def the_eviction_policy_is_edited(self, policy: EvictionPolicy) -> None:
        spec = replace(self.session.spec, eviction=policy)
        self.session = replace(self.session, spec=spec, generation=self.session.generation + 1)

    @rule(end=st.sampled_from([EndNow.GRACEFUL, EndNow.IMMEDIATE]))
    def an_end_is_requested(self, end: EndNow) -> None:
        if self.session.spec.end is not EndNow.IMMEDIATE:
            self.session = replace(self.session, spec=replace(self.session.spec, end=end))

    @rule()
    def the_session_is_deleted(self) -> None:
        generation = self.session.generation + (not self.session.is_deleting)
        self.session = replace(self.session, is_deleting=True, generation=generation)
        self.is_gone = self.is_gone or not self.session.finalizers

    @rule()
    def the_wire_breaks_or_heals(self) -> None:
        self.answers = not self.answers

    @rule()
    def heartbeats_arrive_or_stop(self) -> None:
        self.beats = not self.beats

    @precondition(lambda self: self.pod and self.pod.state is PodState.WAITING)
    @rule(trouble=st.sampled_from(["ImagePullBackOff", "Unschedulable"]))
    def the_container_cannot_start(self, trouble: str) -> None:
        self._change(waiting_reason=WaitingReason(ExternalReason(trouble), "for a reason"))

    @precondition(lambda self: self.pod and self.pod.state is PodState.WAITING)
    @rule()
    def the_container_starts(self) -> None:
        self._change(state=PodState.RUNNING, address="10.0.0.7", started_at=self.now, waiting_reason=None)
        self.supervisor = SessionSnapshot(BotState.STARTING, self.now)

    @precondition(lambda self: self.supervisor and self.supervisor.state is BotState.STARTING)
    @rule()
    def the_bot_listens(self) -> None:
        self._know(listening_at=self.now)

    @precondition(lambda self: self.supervisor and self.supervisor.listening_at)
    @rule()
    def a_caller_comes(self) -> None:
        self._know(called_at=self.now)

    @precondition(lambda self: self.supervisor and self.supervisor.state is BotState.STARTING)
    @rule()
    def the_pipeline_starts(self) -> None:
        deadline = self.now + timedelta(minutes=10)
        limits = session_limits(self.session.spec)
        self._know(state=BotState.RUNNING, started_at=self.now, deadline=deadline, limits=limits, tells_of_clients=True)

    @precondition(lambda self: self.supervisor and self.supervisor.state is BotState.RUNNING)
    @rule()
    def a_client_connects(self) -> None:
        self._know(client_connected_at=self.now)

    @precondition(lambda self: self.supervisor and self.supervisor.state is BotState.RUNNING)
    @rule(cause=st.sampled_from([Cause.IDLE_TIMEOUT, Cause.NO_CLIENT]))
    def the_supervisor_strikes_a_limit(self, cause: Cause) -> None:
        self._know(state=BotState.ENDING, ending=Ending(cause, Mode.GRACEFUL, self.now))

    @precondition(lambda self: self.pod and not self.pod.is_deleting)
    @rule()
    def somebody_deletes_the_pod(self) -> None:
        self._change(deletion_requested_by=self.now + GRACE[PodDeletion.NORMAL])
        if self.supervisor and self.supervisor.ending is None:
            self._know(state=BotState.ENDING, ending=Ending(Cause.EVICTED, Mode.GRACEFUL, self.now))

    @precondition(lambda self: self.supervisor)
    @rule(has_report=st.booleans(), reason=st.sampled_from(["Completed", "Error", "OOMKilled"]), runs_on=st.booleans())
    def the_container_ends(self, has_report: bool, reason: str, runs_on: bool) -> None:
        assert self.supervisor
        self._change(has_sidecars=runs_on)
        ending, started = self.supervisor.ending, self.supervisor.started_at
        why = Reason(ending.cause) if ending else Reason.COMPLETED
        left = report(why, Outcome.DRAINED, finished_at=self.now, started_at=started, ending=ending)
        self._end(Termination(reason, 0, left if has_report else None))

    @precondition(lambda self: self.pod and self.pod.is_deleting and self.pod.state is not PodState.TERMINATED)
    @rule()
    def the_kubelet_gives_a_deleted_pod_up(self) -> None:
        self._end(None)

    @precondition(lambda self: self.pod)
    @rule()
    def somebody_tears_the_pod_away(self) -> None:
        self.unrecorded += self.session.status is None
        self.pod = self.supervisor = None

    @rule(writes=st.integers(0, 4))
    def the_api_server_refuses_a_write(self, writes: int) -> None:
        self.refuses_after = writes

    # The operator's moves.

    @rule()
    def the_operator_stops_or_starts(self) -> None:
        self.is_working = not self.is_working

    @invariant()
    def the_operator_looks(self) -> None:
        if self.is_working and not self.is_gone:
            self._look()

    def teardown(self) -> None:
        """However it came here: a session ends, and goes when it is deleted, though nothing but the operator works."""
        self.answers = False
        if not self.is_gone:
            self.now = max(self.now, self._last_deadline())
            self._look_until(lambda: self.is_gone or self.session.is_finished)
            assert self.is_gone or self.session.is_finished, "the session has not ended"
        self.the_session_is_deleted()
        self._look_until(lambda: self.is_gone)
        assert self.is_gone, "the session is still there"
        assert self.pod is None, "the pod is still there"
        assert not self.has_budget, "its budget is still there"
        assert not self.is_exposed, "its Service is still there"

    def _look_until(self, holds: Callable[[], bool]) -> None:
        for _ in range(MAX_LOOKS):
            if holds():
                return
            self.now = self._look() or self.now

    def _last_deadline(self) -> datetime:
        seen = Observed(self.session, self.pod, self._ask())
        timeline = timeline_of(seen, self.now)
        return timeline.deadline or timeline.end_due_at

    # What always holds.

    @invariant()
    def at_most_one_pod_and_one_finish(self) -> None:
        assert self.created <= 1 + self.unrecorded
        assert self.finishes <= 1

    @invariant()
    def nothing_protects_what_is_over(self) -> None:
        assert not (self.session.is_finished and self.has_budget)

    @invariant()
    def nobody_is_sent_to_what_is_over(self) -> None:
        assert not (self.session.is_finished and self.is_exposed)

    def _look(self) -> datetime | None:
        try:
            self._pass_before_the_answer()
            return self._pass()
        except Refused:
            return self.now + timedelta(seconds=1)

    def _write(self) -> None:
        """Be about to write."""
        if self.refuses_after == 0:
            self.refuses_after = None
            raise Refused
        if self.refuses_after:
            self.refuses_after -= 1

    def _pass_before_the_answer(self) -> None:
        """Return the pass that goes by what the supervisor said before, and sends only what a user waits for."""
        if self.pod is None or self.pod.state is not PodState.RUNNING or self.session.is_finished:
            return
        known = replace(self.known, now=self.now) if isinstance(self.known, SessionSnapshot) else self.known
        seen = replace(self._see(), snapshot=known, freshness=Freshness.EARLIER)
        plan = make_plan(seen, self.now, TIMEOUTS)
        if earlier_answers.may_apply(seen, plan) or not earlier_answers.may_send(plan) or not self.answers:
            return
        assert self.supervisor
        self._write()
        if plan.patch and self.supervisor.state is BotState.RUNNING:
            self._adjust(plan)
        before = self.supervisor.ending
        if plan.end_request and (
            before is None or (before.mode, plan.end_request.mode) == (Mode.GRACEFUL, Mode.IMMEDIATE)
        ):
            self._take_in(plan)

    def _pass(self) -> datetime | None:
        seen = self._see()
        self.known = seen.snapshot
        plan = make_plan(seen, self.now, TIMEOUTS)
        check_plan(seen, plan, self.now)
        applied = self._carry_out(plan)
        known = eviction.with_change(
            exposure.with_change(replace(seen, session=self.session), plan.exposure), plan.budget
        )
        status = derive_status(known, plan, applied, self.now)
        check_status(seen.session.status, status)
        waits_until = self._record(self._see(), status)
        self._check_rest(plan, applied)
        return min((look for look in (plan.requeue_at, waits_until) if look), default=None)

    def _record(self, seen: Observed, status: Status) -> datetime | None:
        before = self.session.status
        if status == before:
            return None
        due = write_due_at(seen, status, TIMEOUTS)
        if due > self.now:
            assert status.finish is None, "a finish has waited"
            return due
        self._write()
        self.finishes += status.finish is not None
        self.session = replace(self.session, status=decode(Status, encode(status)))
        return None

    def _carry_out(self, plan: Plan) -> Applied:
        for is_planned, act in self._acts(plan):
            if is_planned:
                self._write()
                act()
        return Applied(POD_NAME if plan.create_pod else None)

    def _acts(self, plan: Plan) -> list[tuple[object, Callable[[], None]]]:
        """Return what a plan asks for, in the order of `reconcile/apply.py`."""
        return [
            (plan.add_finalizer, self._hold),
            (plan.exposure, lambda: self._expose(plan)),
            (plan.create_pod, self._create),
            (plan.end_request and self.supervisor, lambda: self._take_in(plan)),
            (plan.patch and self.supervisor, lambda: self._adjust(plan)),
            (plan.delete_pod, lambda: self._delete(plan.delete_pod)),
            (plan.release_pod and self.pod, self._release_pod),
            (plan.budget, lambda: self._protect(plan)),
            (plan.end_sidecars and self.pod, lambda: self._change(has_sidecars=False)),
            (plan.release_session, self._release),
            (plan.delete_session, self._expire),
        ]

    def _expire(self) -> None:
        self.the_session_is_deleted()

    def _check_rest(self, plan: Plan, applied: Applied) -> None:
        """Look again at once where nothing was changed: there must be nothing to do and nothing to write."""
        acts = (plan.create_pod, plan.patch, plan.end_request, plan.delete_pod, plan.final_result, plan.release_pod)
        more = (plan.budget, plan.exposure, plan.end_sidecars, plan.delete_session)
        if any(acts) or any(more) or self.is_gone:
            return
        seen = self._see()
        again = make_plan(seen, self.now, TIMEOUTS)
        assert replace(again, intent=None, requeue_at=None) == Plan()
        status = derive_status(seen, again, Applied(), self.now)
        assert status == self.session.status or write_due_at(seen, status, TIMEOUTS) > self.now


Sessions.TestCase.settings = settings(
    max_examples=RUNS,
    stateful_step_count=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestSessions = Sessions.TestCase
