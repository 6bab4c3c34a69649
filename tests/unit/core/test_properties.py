"""What holds for every session, whatever happens in whatever order.

Hypothesis plays the world: time, the user, the kubelet, the bot, the wire. After each move the operator looks, unless
it is down, so that passes that never came (a restart, a lost event) are part of the game.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from botsession_contract.control import SessionSnapshot
from botsession_contract.jsonform import decode, encode
from botsession_contract.lifecycle import BotState, Cause, Mode, Outcome, Reason
from botsession_contract.names import SESSION_FINALIZER
from botsession_contract.report import Ending
from botsession_operator.api.spec import EndNow, PodRetention
from botsession_operator.api.status import Status
from botsession_operator.core import endings
from botsession_operator.core.limits import session_limits
from botsession_operator.core.observe import Observed, Pod, PodState, Silence, Termination, Trouble
from botsession_operator.core.plan import Limits, Plan, PodDeletion, make_plan
from botsession_operator.core.status import Applied, derive_status
from tests.builders import NOW, POD_NAME, adjusted, report, session, waiting

LIMITS: Final = Limits()
GRACE: Final = {PodDeletion.NORMAL: timedelta(seconds=45), PodDeletion.SHORT: timedelta(seconds=5)}
#: An ending on a dead node, asked for every two seconds: the ladder, the pod's grace, and both margins.
MOST_LOOKS: Final = 100


class Sessions(RuleBasedStateMachine):
    """One session, its pod and its supervisor."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.session = session(created_at=NOW, finalizers=(), maxSessionDuration="10m")
        self.pod: Pod | None = None
        self.supervisor: SessionSnapshot | None = None
        self.answers = self.is_working = True
        self.is_gone = False
        self.created = self.finishes = 0

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

    @rule(end=st.sampled_from([EndNow.GRACEFUL, EndNow.IMMEDIATE]))
    def an_end_is_requested(self, end: EndNow) -> None:
        if self.session.spec.end is not EndNow.IMMEDIATE:
            self.session = replace(self.session, spec=replace(self.session.spec, end=end))

    @rule()
    def the_session_is_deleted(self) -> None:
        self.session = replace(self.session, is_deleting=True)
        self.is_gone = self.is_gone or not self.session.finalizers

    @rule()
    def the_wire_breaks_or_heals(self) -> None:
        self.answers = not self.answers

    @precondition(lambda self: self.pod and self.pod.state is PodState.WAITING)
    @rule(trouble=st.sampled_from(["ImagePullBackOff", "Unschedulable"]))
    def the_container_cannot_start(self, trouble: str) -> None:
        self._change(trouble=Trouble(trouble, "for a reason"))

    @precondition(lambda self: self.pod and self.pod.state is PodState.WAITING)
    @rule()
    def the_container_starts(self) -> None:
        self._change(state=PodState.RUNNING, address="10.0.0.7", started_at=self.now, trouble=None)
        self.supervisor = SessionSnapshot(BotState.STARTING, self.now)

    @precondition(lambda self: self.supervisor and self.supervisor.state is BotState.STARTING)
    @rule()
    def the_pipeline_starts(self) -> None:
        deadline = self.now + timedelta(minutes=10)
        limits = session_limits(self.session.spec)
        self._know(state=BotState.RUNNING, started_at=self.now, deadline=deadline, limits=limits)

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
    @rule(has_report=st.booleans(), reason=st.sampled_from(["Completed", "Error", "OOMKilled"]))
    def the_container_ends(self, has_report: bool, reason: str) -> None:
        assert self.supervisor
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
        self.pod = self.supervisor = None

    # The operator's moves.

    @rule()
    def the_operator_stops_or_starts(self) -> None:
        self.is_working = not self.is_working

    @invariant()
    def the_operator_looks(self) -> None:
        if self.is_working and not self.is_gone:
            self._look()

    def teardown(self) -> None:
        """However it came here: a session that is deleted goes, even where nothing but the operator still works."""
        self.the_session_is_deleted()
        self.answers = False
        for _ in range(MOST_LOOKS):
            if self.is_gone:
                break
            self.now = self._look() or self.now
        assert self.is_gone, "the session is still there"
        assert self.pod is None, "the pod is still there"

    # What always holds.

    @invariant()
    def at_most_one_pod_and_one_finish(self) -> None:
        assert self.created <= 1
        assert self.finishes <= 1

    def _look(self) -> datetime | None:
        seen = Observed(self.session, self.pod, self._ask())
        plan = make_plan(seen, self.now, LIMITS)
        check_plan(seen, plan, self.now)
        applied = self._carry_out(plan)
        status = derive_status(Observed(self.session, seen.pod, seen.control), plan, applied, self.now)
        check_status(seen.session.status, status)
        self.finishes += seen.session.status != status and status.finish is not None
        self.session = replace(self.session, status=decode(Status, encode(status)))
        self._check_rest(plan, applied)
        return plan.recheck_at

    def _carry_out(self, plan: Plan) -> Applied:
        if plan.hold_session:
            self.session = replace(self.session, finalizers=(SESSION_FINALIZER,))
        if plan.create_pod:
            self.created += 1
            self.pod = waiting(started_at=None, address=None)
        if plan.end and self.supervisor:
            self._know(state=BotState.ENDING, ending=Ending(plan.end.cause, plan.end.mode, self.now))
        if plan.adjust and self.supervisor:
            self.supervisor = adjusted(self.supervisor, plan.adjust)
        if plan.delete_pod:
            self._delete(plan.delete_pod)
        if plan.release_pod and self.pod:
            self._change(finalizers=())
        self._collect_pod()
        if plan.delete_session:
            self.session = replace(self.session, is_deleting=True)
            self.is_gone = not self.session.finalizers
        if plan.release_session:
            self.session = replace(self.session, finalizers=())
            self.is_gone = True
        return Applied(POD_NAME if plan.create_pod else None)

    def _check_rest(self, plan: Plan, applied: Applied) -> None:
        """Look again at once where nothing was changed: there must be nothing to do and nothing to write."""
        acts = (plan.create_pod, plan.adjust, plan.end, plan.delete_pod, plan.conclusion, plan.release_pod)
        if any(acts) or plan.delete_session or self.is_gone:
            return
        seen = Observed(self.session, self.pod, self._ask())
        again = make_plan(seen, self.now, LIMITS)
        assert replace(again, wanted=None, recheck_at=None) == Plan()
        assert derive_status(seen, again, Applied(), self.now) == self.session.status

    def _ask(self) -> SessionSnapshot | Silence:
        if self.supervisor is None or self.session.is_finished:
            return Silence.NOT_ASKED
        return replace(self.supervisor, now=self.now) if self.answers else Silence.UNREACHABLE

    def _delete(self, how: PodDeletion) -> None:
        assert self.pod
        if how is PodDeletion.FORCED:
            self._change(deletion_requested_by=self.now)
            self._end(None)
        elif self.pod.deletion_requested_by is None:
            self._change(deletion_requested_by=self.now + GRACE[how])

    def _collect_pod(self) -> None:
        if self.pod and self.pod.state is PodState.TERMINATED and self.pod.is_deleting and not self.pod.is_held:
            self.pod = None

    def _end(self, termination: Termination | None) -> None:
        self.supervisor = None
        self._change(state=PodState.TERMINATED, termination=termination)

    def _change(self, **members: object) -> None:
        assert self.pod
        self.pod = replace(self.pod, **members)  # type: ignore[arg-type]  # as each rule names them

    def _know(self, **members: object) -> None:
        assert self.supervisor
        self.supervisor = replace(self.supervisor, **members)  # type: ignore[arg-type]  # as each rule names them


def check_plan(seen: Observed, plan: Plan, now: datetime) -> None:
    """Hold a plan to its promises."""
    recorded = seen.session.status
    is_finished = seen.session.is_finished
    assert not (plan.create_pod and (seen.pod or (recorded and recorded.pod_name)))
    assert not (plan.release_pod and not is_finished)
    assert not (plan.release_session and (seen.pod or not is_finished or not seen.session.is_deleting))
    assert not (plan.conclusion and is_finished)
    if plan.delete_session:
        ttl = seen.session.spec.ttl_after_finished
        assert recorded
        assert recorded.finished_at
        assert ttl is not None
        assert now >= recorded.finished_at + ttl
        assert seen.pod is None or not seen.pod.is_held
    assert plan.recheck_at is None or plan.recheck_at >= now
    if not is_finished and plan.wanted is None:
        assert plan.recheck_at
        assert plan.recheck_at <= (endings.deadline(seen) or endings.start_deadline(seen))


def check_status(before: Status | None, after: Status) -> None:
    """Hold a status to what was written before it."""
    if before and before.finish:
        assert after == before
    if before and before.ending:
        assert after.ending
        assert after.ending.cause is before.ending.cause
        assert after.ending.mode is endings.raised(before.ending.mode, after.ending.mode)
    if before and before.started_at:
        assert after.started_at == before.started_at


Sessions.TestCase.settings = settings(
    max_examples=120,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestSessions = Sessions.TestCase
