"""Derive the status that a pass writes from what the pass observed and did."""

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
from botsession_operator.core.status.conditions import condition_updates, merge
from botsession_operator.core.status.protected_condition import protected_updates
from botsession_operator.core.webhook import events_due

#: Steps of a supervisor. The ladder has five; the CRD has room for sixteen, the operator's own included.
MAX_STEPS: Final = 15


@dataclass(frozen=True, slots=True)
class Applied:
    """The results of applying a plan that the status shows."""

    #: The pod that exists after the pass.
    pod_name: str | None = None
    #: Why the API server refused the pod.
    refusal: WaitingReason | None = None
    #: Why it refused the PodDisruptionBudget.
    budget_refusal: WaitingReason | None = None
    #: Why it refused the Service or the route.
    exposure_refusal: WaitingReason | None = None


def derive_status(observed: Observed, plan: Plan, applied: Applied, now: datetime) -> Status:
    """Return the whole status after this pass; equal to the recorded one if nothing has changed."""
    before = observed.session.status
    if before and observed.session.is_finished:
        # A finished status is written once, and its observedGeneration is that of the spec that the session ran with.
        # Only deliveries change later. If the session is going away, no reader is left for those.
        goes = plan.release_session or plan.delete_session
        return before if goes else replace(before, webhook=events_due.webhook_status(observed, before))
    final_result, timeline = plan.final_result, timeline_of(observed, now)
    draft = _finished(observed, final_result, plan.intent) if final_result else _live(observed, timeline, plan, applied)
    not_exposed = exposed_condition.FINISHED if final_result else applied.exposure_refusal
    updates = (
        *condition_updates(observed, timeline, applied.refusal, final_result),
        *protected_updates(observed, final_result or _requested(plan.intent), applied.budget_refusal),
        *exposed_condition.condition_updates(observed, not_exposed),
    )
    conditions = merge(before, updates, observed.session.generation, now)
    return conversation.without_count_changes(
        before, replace(draft, conditions=conditions, webhook=events_due.webhook_status(observed, draft))
    )


def _live(observed: Observed, timeline: Timeline, plan: Plan, applied: Applied) -> Status:
    before, pod, snapshot = observed.session.status, observed.pod, observed.snapshot
    connected = snapshot.client_connected_at if isinstance(snapshot, SessionSnapshot) else None
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
        conversation=conversation.current(observed),
    )


def _finished(observed: Observed, final_result: FinalResult, intent: EndIntent | None) -> Status:
    session, pod, finish = observed.session, observed.pod, final_result.finish
    before = session.status or Status(Phase.PENDING, session.generation)
    started = final_result.started_at or before.started_at
    ending = _final_ending(before.ending, final_result, intent)
    return replace(
        before,
        phase=final_phase(finish.reason, finish.outcome),
        observed_generation=session.generation,
        pod_name=pod.name if pod else before.pod_name,
        node_name=pod.node_name if pod and pod.node_name else before.node_name,
        pod_ip=pod.address if pod and pod.address else before.pod_ip,
        url=None,
        started_at=started,
        client_connected_at=final_result.client_connected_at or before.client_connected_at,
        client_disconnected_at=final_result.client_disconnected_at,
        deadline=deadline_of(started, session.spec) if started else None,
        ending_at=ending.requested_at if ending else None,
        conversation_ended_at=final_result.conversation_ended_at,
        finished_at=final_result.finished_at,
        duration=format_duration(_end_of_conversation(final_result) - started) if started else None,
        ending=ending,
        finish=finish,
        dangling_tasks=final_result.dangling_tasks,
        timings=_timings(observed, started, final_result.timings),
        result=final_result.result,
        prompts=final_result.prompts,
        conversation=final_result.conversation or before.conversation,
        stages=final_result.stages,
    )


def _end_of_conversation(final_result: FinalResult) -> datetime:
    return final_result.conversation_ended_at or final_result.finished_at


def _final_ending(
    before: EndingStatus | None, final_result: FinalResult, intent: EndIntent | None
) -> EndingStatus | None:
    reported = final_result.ending
    if before and before.cause in BOT_CAUSES and final_result.finish.reported_by is ReportedBy.RUNTIME:
        before = None  # the report is newer: a request or another pipeline may have replaced the bot's own end
    if reported is None:
        return replace(before, farewell=_farewell(final_result)) if before else None
    if before is None and reported.cause in BOT_CAUSES:
        return _with_steps(EndingStatus(reported.cause, reported.mode, reported.requested_at), reported.steps)
    if before and reported.cause in BOT_CAUSES:
        # A request had been recorded, but the bot ended by itself before the supervisor received it.
        own = replace(before, farewell=_farewell(final_result))
        return _with_steps(own, (*reported.steps, *_operators_steps(before.steps)))
    requested = EndingStatus(reported.cause, reported.mode, reported.requested_at, farewell=_farewell(final_result))
    cause = before.cause if before else reported.cause
    # An operator that was being stopped may have recorded the ending without its message.
    message = intent.message if intent and intent.cause is cause else None
    if before is None:
        return _with_steps(replace(requested, message=message), reported.steps)
    steps = (*reported.steps, *_operators_steps(before.steps))
    mode = termination.more_urgent(before.mode, reported.mode)
    return _with_steps(replace(requested, cause=cause, mode=mode, message=before.message or message), steps)


def _farewell(final_result: FinalResult) -> Farewell:
    """Return the report's value; without one, what follows for certain from the rest."""
    if final_result.ending and final_result.ending.farewell:
        return final_result.ending.farewell
    if final_result.finish.outcome is Outcome.NEVER_STARTED:
        return Farewell.NOT_STARTED
    ended_itself = final_result.ending is None or final_result.ending.cause in BOT_CAUSES
    if ended_itself and final_result.finish.reported_by is ReportedBy.RUNTIME:
        return Farewell.ALREADY_ENDING  # the bot ended by itself before the request arrived
    return Farewell.UNKNOWN


def _with_steps(ending: EndingStatus, steps: Iterable[StepTaken]) -> EndingStatus:
    """Return the ending with the supervisor's and the operator's steps in order of time, each by its own clock."""
    ordered = tuple(sorted(steps, key=lambda each: each.at))
    return replace(ending, step=ordered[-1].step if ordered else None, steps=ordered)


def _operators_steps(steps: tuple[StepTaken, ...]) -> tuple[StepTaken, ...]:
    return tuple(each for each in steps if each.step is Step.POD_DELETE)


def _requested(intent: EndIntent | None) -> EndIntent | None:
    """Return the intent if someone requested it. A bot that ends itself stays protected from evictions."""
    return None if intent and intent.is_from_bot else intent


def _phase(observed: Observed, timeline: Timeline, ending: EndingStatus | None) -> Phase:
    if ending:
        return Phase.ENDING
    if timeline.started_at:
        return Phase.RUNNING
    running = observed.pod is not None and observed.pod.state is PodState.RUNNING
    return Phase.STARTING if running else Phase.PENDING


def _ending(observed: Observed, plan: Plan, now: datetime) -> EndingStatus | None:
    intent: EndIntent | None = plan.intent
    if intent is None:
        return None
    requested = EndingStatus(intent.cause, intent.mode, intent.requested_at, message=intent.message)
    return _with_steps(requested, _steps(observed, plan, now))


def _steps(observed: Observed, plan: Plan, now: datetime) -> tuple[StepTaken, ...]:
    """Return the supervisor's steps, as last reported, and the operator's own step, which happens once."""
    status, snapshot = observed.session.status, observed.snapshot
    recorded = status.ending.steps if status and status.ending else ()
    own = _operators_steps(recorded)
    if plan.delete_pod and not own:
        own = (StepTaken(Step.POD_DELETE, now),)
    known = tuple(each for each in recorded if each.step is not Step.POD_DELETE)
    if isinstance(snapshot, SessionSnapshot) and snapshot.ending:
        reported = snapshot.ending.steps[:MAX_STEPS]
        # Steps are only ever added. Without this, a supervisor that reports others each time would cause endless
        # writes.
        known = reported if reported[: len(known)] == known else known
    return (*known, *own)


def _timings(observed: Observed, started: datetime | None, reported: Timings) -> TimingsStatus | None:
    """Return the times in seconds since the session's creation, which the API server stores in whole seconds."""
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
    """Return a time since the session's creation from one since the container's start, as supervisors report it."""
    return None if pod_started is None or seconds is None else round(pod_started + seconds, 3)


def _listening_at(observed: Observed) -> datetime | None:
    return observed.snapshot.listening_at if isinstance(observed.snapshot, SessionSnapshot) else None


def _either(new: float | None, old: float | None) -> float | None:
    return old if new is None else new


def _since(session: Session, moment: datetime | None) -> float | None:
    return round((moment - session.created_at).total_seconds(), 3) if moment else None
