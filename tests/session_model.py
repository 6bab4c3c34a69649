"""One session, its pod and its supervisor, as tests/unit/core/test_properties.py plays with them."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis.stateful import RuleBasedStateMachine

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import BotState
from botsession_contract.names import SESSION_FINALIZER
from botsession_contract.report import Ending
from botsession_operator.core.decide import eviction
from botsession_operator.core.decide.eviction import BudgetChange
from botsession_operator.core.decide.exposure import ExposureChange
from botsession_operator.core.decide.plan import Plan, PodDeletion
from botsession_operator.core.observe.observed import (
    NoSnapshot,
    Observed,
    Pod,
    PodState,
    Termination,
)
from tests.builders import NOW, adjusted, session, waiting

GRACE: Final = {
    PodDeletion.NORMAL: timedelta(seconds=45),
    PodDeletion.OVER: timedelta(seconds=30),
    PodDeletion.SHORT: timedelta(seconds=5),
}


class OneSession(RuleBasedStateMachine):
    """What there is, and what the operator's acts make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.session = session(created_at=NOW, finalizers=(), maxSessionDuration="10m", expose={"port": 7860})
        self.pod: Pod | None = None
        self.supervisor: SessionSnapshot | None = None
        #: What the operator was last answered.
        self.known: SessionSnapshot | NoSnapshot = NoSnapshot.NOT_ASKED
        self.answers = self.is_working = True
        #: Heartbeats of the supervisor arrive.
        self.beats = False
        self.is_gone = self.has_budget = self.is_exposed = False
        self.created = self.finishes = 0
        #: Pods that were torn away before anything was recorded: whoever does that gets another one.
        self.unrecorded = 0
        #: After how many more writes the API server refuses one; None: it takes all.
        self.refuses_after: int | None = None

    def _hold(self) -> None:
        self.session = replace(self.session, finalizers=(SESSION_FINALIZER,))

    def _create(self) -> None:
        self.created += 1
        self.pod = waiting(started_at=None, address=None)

    def _take_in(self, plan: Plan) -> None:
        assert plan.end_request
        self._know(state=BotState.ENDING, ending=Ending(plan.end_request.cause, plan.end_request.mode, self.now))

    def _adjust(self, plan: Plan) -> None:
        assert self.supervisor
        assert plan.patch
        self.supervisor = adjusted(self.supervisor, plan.patch)

    def _release_pod(self) -> None:
        self._change(finalizers=())
        self._collect_pod()

    def _protect(self, plan: Plan) -> None:
        self.has_budget = plan.budget is BudgetChange.CREATE

    def _expose(self, plan: Plan) -> None:
        self.is_exposed = plan.exposure is ExposureChange.CREATE

    def _release(self) -> None:
        self.session = replace(self.session, finalizers=())
        self.is_gone = True

    def _see(self) -> Observed:
        has_budget = eviction.may_have_budget(self.session) and self.has_budget
        control = self._ask()
        is_heard = self.beats and isinstance(control, SessionSnapshot) and control.state is BotState.RUNNING
        return Observed(self.session, self.pod, control, has_budget, self.is_exposed, "ws://here", is_heard=is_heard)

    def _ask(self) -> SessionSnapshot | NoSnapshot:
        if self.supervisor is None or self.session.is_finished:
            return NoSnapshot.NOT_ASKED
        return replace(self.supervisor, now=self.now) if self.answers else NoSnapshot.UNREACHABLE

    def _delete(self, how: PodDeletion | None) -> None:
        assert self.pod
        assert how
        if how is PodDeletion.FORCED:
            self._change(deletion_requested_by=self.now)
            self._end(None)
        elif self.pod.deletion_requested_by is None:
            self._change(deletion_requested_by=self.now + GRACE[how])
        self._collect_pod()

    def _collect_pod(self) -> None:
        if self.pod and self.pod.state is PodState.TERMINATED and self.pod.is_deleting and not self.pod.has_finalizer:
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
