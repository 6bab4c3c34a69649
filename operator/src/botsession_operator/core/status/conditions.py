"""Rule: what the conditions of a session say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_operator.api.reasons import AnyConditionReason, ConditionReason
from botsession_operator.api.status import (
    Condition,
    ConditionStatus,
    ConditionType,
    Status,
    find_condition,
    has_condition,
)
from botsession_operator.core.decide.finish import FinalResult
from botsession_operator.core.observe import startup
from botsession_operator.core.observe.observed import NoSnapshot, Observed, PodState, WaitingReason
from botsession_operator.core.observe.timeline import Timeline

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN

POD_MISSING: Final = WaitingReason(ConditionReason.POD_MISSING, "the pod has not been created")


@dataclass(frozen=True, slots=True)
class ConditionUpdate:
    """A condition without its transition time."""

    type: ConditionType
    status: ConditionStatus
    reason: AnyConditionReason
    message: str = ""


def condition_updates(
    observed: Observed, timeline: Timeline, refusal: WaitingReason | None, final_result: FinalResult | None
) -> tuple[ConditionUpdate, ...]:
    """Return the conditions that this pass updates. All others keep their recorded values."""
    if final_result:
        pipeline_started = ConditionUpdate(ConditionType.STARTED, TRUE, ConditionReason.PIPELINE_STARTED)
        started = (pipeline_started,) if final_result.started_at else ()
        return (*started, *_no_longer_controlled(observed), _finished(final_result), *_recorded(observed))
    updates = [
        _pod_created(refusal),
        _started(observed, timeline, refusal),
        ConditionUpdate(ConditionType.FINISHED, FALSE, ConditionReason.NOT_FINISHED),
    ]
    updates.extend(_recorded(observed))
    if observed.pod and observed.pod.state is PodState.RUNNING:
        updates.extend((_controlled(observed), _watched(observed)))
    return tuple(update for update in updates if update)


def merge(
    before: Status | None, updates: tuple[ConditionUpdate, ...], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return all conditions with transition times: a condition's time changes only when its status does."""
    known = {condition.type: condition for condition in before.conditions} if before else {}
    for update in updates:
        old = known.get(update.type)
        since = old.last_transition_time if old and old.status is update.status else now
        known[update.type] = Condition(update.type, update.status, update.reason, update.message, since, generation)
    return tuple(known[kind] for kind in ConditionType if kind in known)


def _pod_created(refusal: WaitingReason | None) -> ConditionUpdate:
    if refusal:
        return ConditionUpdate(ConditionType.POD_CREATED, FALSE, refusal.reason, refusal.message)
    return ConditionUpdate(ConditionType.POD_CREATED, TRUE, ConditionReason.CREATED)


def _started(observed: Observed, timeline: Timeline, refusal: WaitingReason | None) -> ConditionUpdate | None:
    if timeline.started_at:
        pipeline_started = ConditionUpdate(ConditionType.STARTED, TRUE, ConditionReason.PIPELINE_STARTED)
        return _between_pipelines(observed) or pipeline_started
    if observed.session.status and observed.session.status.ending:
        return None  # the reason why it did not start must stay readable while its pod terminates
    known = find_condition(observed.session.status, ConditionType.STARTED, FALSE)
    if known and known.reason in startup.IMPORTED_REASONS and isinstance(observed.snapshot, NoSnapshot):
        return None  # the bot is still imported, even if its supervisor does not answer
    missing = observed.pod is None and refusal is not None
    waiting = POD_MISSING if missing else startup.waiting_for(observed)
    return ConditionUpdate(ConditionType.STARTED, FALSE, waiting.reason, waiting.message)


def _between_pipelines(observed: Observed) -> ConditionUpdate | None:
    """Return the condition for a bot that has ended a pipeline, or lost its process, and may start another pipeline."""
    snapshot = observed.snapshot
    if not isinstance(snapshot, SessionSnapshot) or snapshot.next_pipeline_until is None:
        return None
    count = snapshot.pipelines_finished
    finished = "1 pipeline has finished" if count == 1 else f"{count} pipelines have finished"
    if not count:
        finished = "the process that ran the pipeline ended before the pipeline had finished"
    until = snapshot.next_pipeline_until.astimezone(UTC).strftime("%H:%M:%SZ")
    return ConditionUpdate(
        ConditionType.STARTED,
        TRUE,
        ConditionReason.BETWEEN_PIPELINES,
        f"{finished}; the bot may start the next until {until}",
    )


def _controlled(observed: Observed) -> ConditionUpdate | None:
    if isinstance(observed.snapshot, SessionSnapshot):
        return ConditionUpdate(ConditionType.CONTROLLED, TRUE, ConditionReason.ANSWERS)
    if observed.session.status and observed.session.status.ending:
        return None  # a supervisor that exits is silent for a second; the ending's steps show one that hangs
    was_asked = observed.snapshot is NoSnapshot.UNREACHABLE
    message = (
        "the supervisor's control endpoint did not answer" if was_asked else "the operator did not ask the supervisor"
    )
    return ConditionUpdate(ConditionType.CONTROLLED, UNKNOWN, ConditionReason.NO_ANSWER, message)


def _watched(observed: Observed) -> ConditionUpdate | None:
    """Return False if the hook cannot connect; True only if an earlier pass recorded False; else None."""
    if not isinstance(observed.snapshot, SessionSnapshot):
        return None
    if observed.snapshot.unwatched:
        return ConditionUpdate(
            ConditionType.WATCHED, FALSE, ConditionReason.HOOK_CANNOT_CONNECT, observed.snapshot.unwatched
        )
    if has_condition(observed.session.status, ConditionType.WATCHED):
        return ConditionUpdate(ConditionType.WATCHED, TRUE, ConditionReason.HOOK_CONNECTED)
    return None


def _no_longer_controlled(observed: Observed) -> Iterator[ConditionUpdate]:
    if has_condition(observed.session.status, ConditionType.CONTROLLED):
        yield ConditionUpdate(
            ConditionType.CONTROLLED, FALSE, ConditionReason.FINISHED, "the supervisor has ended with its session"
        )


def _recorded(observed: Observed) -> Iterator[ConditionUpdate]:
    """Yield True if the API server once refused the whole status. The update is part of a whole status."""
    if has_condition(observed.session.status, ConditionType.RECORDED):
        yield ConditionUpdate(ConditionType.RECORDED, TRUE, ConditionReason.RECORDED)


def _finished(final_result: FinalResult) -> ConditionUpdate:
    finish = final_result.finish
    message = f"{finish.outcome}: {finish.message}" if finish.message else str(finish.outcome)
    return ConditionUpdate(ConditionType.FINISHED, TRUE, finish.reason, message)
