"""Derive the status that a pass writes, from what it saw and what it did."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_contract.lifecycle import BOT_CAUSES, Farewell, Outcome, Phase, ReportedBy, Step, final_phase
from botsession_contract.report import StepTaken, Timings
from botsession_operator.api.duration import format_duration
from botsession_operator.api.status import EndingStatus, Status, TimingsStatus
from botsession_operator.core.decide import termination
from botsession_operator.core.decide.finish import FinalResult
from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.decide.termination import EndIntent
from botsession_operator.core.observe.observed import Observed, PodState, Session, WaitingReason
from botsession_operator.core.observe.timeline import Timeline, deadline_of, timeline_of
from botsession_operator.core.status import conversation, exposed_condition
from botsession_operator.core.status.conditions import claims, merge
from botsession_operator.core.status.protected_condition import protection
from botsession_operator.core.webhook import events_due

#: Of a supervisor's rungs. The ladder has five, and the CRD has room for sixteen with the operator's own.
MOST_STEPS: Final = 15


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a plan, as far as status tells of it."""

    #: The pod that exists after the pass.
    pod_name: str | None = None
    #: Why the API server did not take the pod.
    refusal: WaitingReason | None = None
    #: Why it did not take the PodDisruptionBudget.
    budget_refusal: WaitingReason | None = None
    #: Why it did not take the Service, or the route.
    exposure_refusal: WaitingReason | None = None


def derive_status(observed: Observed, plan: Plan, applied: Applied, now: datetime) -> Status:
    """Return the whole status after this pass; equal to the present one when nothing is new."""
    before = observed.session.status
    if before and observed.session.is_finished:
        # Written once; observedGeneration tells of the spec that the session lived by. Only deliveries come later, and
        # what is known of those is for nobody where the session goes.
        goes = plan.release_session or plan.delete_session
        return before if goes else replace(before, webhook=events_due.after(observed, before))
    done, timeline = plan.conclusion, timeline_of(observed, now)
    draft = _finished(observed, done, plan.wanted) if done else _live(observed, timeline, plan, applied)
    said = (
        *claims(observed, timeline, applied.refusal, done),
        *protection(observed, done or _asked(plan.wanted), applied.budget_refusal),
        *exposed_condition.claims(observed, exposed_condition.FINISHED if done else applied.exposure_refusal),
    )
    conditions = merge(before, said, observed.session.generation, now)
    return conversation.settled(
        before, replace(draft, conditions=conditions, webhook=events_due.after(observed, draft))
    )


def _live(observed: Observed, timeline: Timeline, plan: Plan, applied: Applied) -> Status:
    before, pod, control = observed.session.status, observed.pod, observed.control
    connected = control.client_connected_at if isinstance(control, SessionSnapshot) else None
    ending = _ending(observed, plan, timeline.now)
    return Status(
        phase=_phase(observed, timeline, ending),
        observed_generation=observed.session.generation,
        pod_name=pod.name if pod else applied.pod_name,
        node_name=pod.node_name if pod else None,
        pod_ip=pod.address if pod else None,
        url=observed.url if observed.is_exposed else None,
        started_at=timeline.started_at,
        client_connected_at=(before.client_connected_at if before else None) or connected,
        deadline=timeline.deadline,
        ending_at=ending.requested_at if ending else None,
        ending=ending,
        timings=_timings(observed, timeline.started_at, Timings()),
        conversation=conversation.live(observed),
    )


def _finished(observed: Observed, conclusion: FinalResult, wanted: EndIntent | None) -> Status:
    session, pod, finish = observed.session, observed.pod, conclusion.finish
    before = session.status or Status(Phase.PENDING, session.generation)
    started = conclusion.started_at or before.started_at
    ending = _final_ending(before.ending, conclusion, wanted)
    return replace(
        before,
        phase=final_phase(finish.reason, finish.outcome),
        observed_generation=session.generation,
        pod_name=pod.name if pod else before.pod_name,
        node_name=pod.node_name if pod and pod.node_name else before.node_name,
        pod_ip=pod.address if pod and pod.address else before.pod_ip,
        url=None,
        started_at=started,
        client_connected_at=conclusion.client_connected_at or before.client_connected_at,
        client_disconnected_at=conclusion.client_disconnected_at,
        deadline=deadline_of(started, session.spec) if started else None,
        ending_at=ending.requested_at if ending else None,
        conversation_ended_at=conclusion.conversation_ended_at,
        finished_at=conclusion.finished_at,
        duration=format_duration(_end_of_conversation(conclusion) - started) if started else None,
        ending=ending,
        finish=finish,
        dangling_tasks=conclusion.dangling_tasks,
        timings=_timings(observed, started, conclusion.timings),
        result=conclusion.result,
        prompts=conclusion.prompts,
        conversation=conclusion.conversation or before.conversation,
        stages=conclusion.stages,
    )


def _end_of_conversation(conclusion: FinalResult) -> datetime:
    return conclusion.conversation_ended_at or conclusion.finished_at


def _final_ending(
    before: EndingStatus | None, conclusion: FinalResult, wanted: EndIntent | None
) -> EndingStatus | None:
    taken = conclusion.ending
    if before and before.cause in BOT_CAUSES and conclusion.finish.reported_by is ReportedBy.RUNTIME:
        before = None  # the report knows better: somebody has asked meanwhile, or another pipeline had begun
    if taken is None:
        return replace(before, farewell=_farewell(conclusion)) if before else None
    if before is None and taken.cause in BOT_CAUSES:
        return _with_steps(EndingStatus(taken.cause, taken.mode, taken.requested_at), taken.steps)
    if before and taken.cause in BOT_CAUSES:
        # It was asked for, and the supervisor had not heard of it when the bot was over by itself.
        own = replace(before, farewell=_farewell(conclusion))
        return _with_steps(own, (*taken.steps, *_operators_steps(before.steps)))
    asked = EndingStatus(taken.cause, taken.mode, taken.requested_at, farewell=_farewell(conclusion))
    cause = before.cause if before else taken.cause
    # An operator that is on its way out may have recorded the ending, without knowing who asked for it.
    message = wanted.message if wanted and wanted.cause is cause else None
    if before is None:
        return _with_steps(replace(asked, message=message), taken.steps)
    steps = (*taken.steps, *_operators_steps(before.steps))
    mode = termination.raised(before.mode, taken.mode)
    return _with_steps(replace(asked, cause=cause, mode=mode, message=before.message or message), steps)


def _farewell(conclusion: FinalResult) -> Farewell:
    """Return what the report says; where it says nothing, what else is known for certain."""
    if conclusion.ending and conclusion.ending.farewell:
        return conclusion.ending.farewell
    if conclusion.finish.outcome is Outcome.NEVER_STARTED:
        return Farewell.NOT_STARTED
    ended_itself = conclusion.ending is None or conclusion.ending.cause in BOT_CAUSES
    if ended_itself and conclusion.finish.reported_by is ReportedBy.RUNTIME:
        return Farewell.ALREADY_ENDING  # the request did not reach it before the bot had ended by itself
    return Farewell.UNKNOWN


def _with_steps(ending: EndingStatus, steps: Iterable[StepTaken]) -> EndingStatus:
    """Put steps of the supervisor and of the operator in the order of time; each keeps its own clock."""
    ordered = tuple(sorted(steps, key=lambda taken: taken.at))
    return replace(ending, step=ordered[-1].step if ordered else None, steps=ordered)


def _operators_steps(steps: tuple[StepTaken, ...]) -> tuple[StepTaken, ...]:
    return tuple(taken for taken in steps if taken.step is Step.POD_DELETE)


def _asked(wanted: EndIntent | None) -> EndIntent | None:
    """Return what somebody asked for: a bot that ends itself is kept from evictions like any other."""
    return None if wanted and wanted.is_bots else wanted


def _phase(observed: Observed, timeline: Timeline, ending: EndingStatus | None) -> Phase:
    if ending:
        return Phase.ENDING
    if timeline.started_at:
        return Phase.RUNNING
    running = observed.pod is not None and observed.pod.state is PodState.RUNNING
    return Phase.STARTING if running else Phase.PENDING


def _ending(observed: Observed, plan: Plan, now: datetime) -> EndingStatus | None:
    wanted: EndIntent | None = plan.wanted
    if wanted is None:
        return None
    asked = EndingStatus(wanted.cause, wanted.mode, wanted.requested_at, message=wanted.message)
    return _with_steps(asked, _steps(observed, plan, now))


def _steps(observed: Observed, plan: Plan, now: datetime) -> tuple[StepTaken, ...]:
    """Return the steps that the supervisor tells of, or told of last, and the operator's own, which it took once."""
    status, control = observed.session.status, observed.control
    recorded = status.ending.steps if status and status.ending else ()
    own = _operators_steps(recorded)
    if plan.delete_pod and not own:
        own = (StepTaken(Step.POD_DELETE, now),)
    known = tuple(taken for taken in recorded if taken.step is not Step.POD_DELETE)
    if isinstance(control, SessionSnapshot) and control.ending:
        said = control.ending.steps[:MOST_STEPS]
        # Rungs are only added: whoever tells otherwise each time would have each time recorded.
        known = said if said[: len(known)] == known else known
    return (*known, *own)


def _timings(observed: Observed, started: datetime | None, reported: Timings) -> TimingsStatus | None:
    """Count from the session's creation, which the API server keeps to the whole second."""
    session, pod = observed.session, observed.pod
    before = session.status.timings if session.status and session.status.timings else TimingsStatus()
    pod_started = _since(session, pod.started_at if pod else None)
    timings = TimingsStatus(
        scheduled=_either(_since(session, pod.scheduled_at if pod else None), before.scheduled),
        pod_started=_either(pod_started, before.pod_started),
        bot_imported=_either(_after(pod_started, reported.bot_imported), before.bot_imported),
        pipeline_started=_either(_since(session, started), before.pipeline_started),
        drained=_either(round(reported.drained, 3) if reported.drained is not None else None, before.drained),
        listening=_either(
            _after(pod_started, reported.listening), _either(before.listening, _since(session, _listening_at(observed)))
        ),
    )
    return timings if timings != TimingsStatus() else None


def _after(pod_started: float | None, seconds: float | None) -> float | None:
    """Count on from the container's start, where the supervisor's own counting begins."""
    return None if pod_started is None or seconds is None else round(pod_started + seconds, 3)


def _listening_at(observed: Observed) -> datetime | None:
    return observed.control.listening_at if isinstance(observed.control, SessionSnapshot) else None


def _either(new: float | None, old: float | None) -> float | None:
    return old if new is None else new


def _since(session: Session, moment: datetime | None) -> float | None:
    return round((moment - session.created_at).total_seconds(), 3) if moment else None
