"""Rule: whether a session is to end, for which cause, in which mode, and since when.

The first recorded cause stays. The mode may change from Graceful to Immediate, and never back. So no edit and no
restart cancels a requested end.

An end that the bot begins itself is different: its supervisor bounds it, and another pipeline may follow. A request
that arrives meanwhile replaces it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from botsession_contract.control import EndRequest, SessionSnapshot
from botsession_contract.lifecycle import BOT_CAUSES, BotState, Cause, Mode
from botsession_operator.api.spec import EndNow
from botsession_operator.core.decide.shutdown import shutdown_for
from botsession_operator.core.observe import clock_skew
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.observe.timeline import Timeline

UNINSTALL_MESSAGE: Final = "the operator was being uninstalled"


@dataclass(frozen=True, slots=True)
class EndIntent:
    """An end of the session that the operator brings about or waits for, and since when."""

    cause: Cause
    mode: Mode
    requested_at: datetime
    #: Who requested it, if the cause alone does not say.
    message: str | None = None

    @property
    def is_from_bot(self) -> bool:
        """Return whether the bot began it and no one requested it."""
        return self.cause in BOT_CAUSES


def end_intent(observed: Observed, timeline: Timeline) -> EndIntent | None:
    """Return the end that is due or under way; None if the session is to go on."""
    current, due = _end_under_way(observed, timeline), _due_cause(observed, timeline)
    if current and current.is_from_bot and due:
        current = None
    cause = current.cause if current else due
    if cause is None:
        return None
    mode = _mode(observed, cause, current)
    requested_at = current.requested_at if current else timeline.now
    return EndIntent(cause, mode, requested_at, _message(observed, cause, current))


def end_request(observed: Observed, intent: EndIntent) -> EndRequest | None:
    """Return the request for the supervisor; None if the supervisor knows already."""
    snapshot = observed.snapshot
    if intent.is_from_bot or not isinstance(snapshot, SessionSnapshot) or snapshot.state is BotState.FINISHED:
        return None
    is_requested = snapshot.ending is not None and snapshot.ending.cause not in BOT_CAUSES
    if (
        snapshot.ending
        and is_requested
        and (snapshot.ending.mode is intent.mode or snapshot.ending.mode is Mode.IMMEDIATE)
    ):
        return None
    shutdown = shutdown_for(observed.session.spec.shutdown, intent.cause)
    return EndRequest(
        mode=intent.mode,
        # No peer accepts `Unknown`, which stands for a cause of another version.
        cause=Cause.END_REQUESTED if intent.cause is Cause.UNKNOWN else intent.cause,
        farewell=shutdown.farewell,
        grace_period_seconds=shutdown.grace_period.total_seconds(),
        cancel_period_seconds=shutdown.cancel_period.total_seconds(),
    )


def more_urgent(one: Mode, other: Mode) -> Mode:
    """Return the more urgent of two modes."""
    return Mode.IMMEDIATE if Mode.IMMEDIATE in (one, other) else Mode.GRACEFUL


def _end_under_way(observed: Observed, timeline: Timeline) -> EndIntent | None:
    """Return the end that is under way: the first cause, the more urgent mode, and when the ladder began."""
    status = observed.session.status
    recorded = status.ending if status else None
    snapshot = observed.snapshot
    if isinstance(snapshot, SessionSnapshot) and snapshot.ending is None and recorded and recorded.cause in BOT_CAUSES:
        return None  # another pipeline has begun
    if not isinstance(snapshot, SessionSnapshot) or snapshot.ending is None:
        return EndIntent(recorded.cause, recorded.mode, recorded.requested_at, recorded.message) if recorded else None
    reported = snapshot.ending
    if recorded and recorded.cause in BOT_CAUSES and reported.cause is not recorded.cause:
        recorded = None  # the supervisor's cause is newer: a request may have replaced the bot's own end
    elif recorded and reported.cause in BOT_CAUSES:
        # The supervisor has not received the request yet.
        return EndIntent(recorded.cause, recorded.mode, recorded.requested_at, recorded.message)
    since = clock_skew.requested_at(
        observed, recorded.requested_at if recorded else None, reported.requested_at, timeline.clock_skew, timeline.now
    )
    if recorded is None:
        return EndIntent(reported.cause, reported.mode, since, reported.note)
    return EndIntent(recorded.cause, more_urgent(recorded.mode, reported.mode), since, recorded.message)


def _due_cause(observed: Observed, timeline: Timeline) -> Cause | None:
    if observed.session.is_deleting:
        return Cause.DELETED
    if observed.session.spec.end is not EndNow.NO or observed.is_uninstalling:
        return Cause.END_REQUESTED
    if timeline.now < timeline.end_due_at:
        return None
    return Cause.MAX_DURATION if timeline.started_at else Cause.START_TIMEOUT


def _message(observed: Observed, cause: Cause, current: EndIntent | None) -> str | None:
    if current and current.message:
        return current.message
    by_user = observed.session.spec.end is not EndNow.NO
    return UNINSTALL_MESSAGE if observed.is_uninstalling and cause is Cause.END_REQUESTED and not by_user else None


def _mode(observed: Observed, cause: Cause, current: EndIntent | None) -> Mode:
    spec = observed.session.spec
    if cause is Cause.START_TIMEOUT or spec.end is EndNow.IMMEDIATE:
        return Mode.IMMEDIATE
    if current:
        return current.mode
    return Mode.GRACEFUL if spec.end is EndNow.GRACEFUL else shutdown_for(spec.shutdown, cause).mode
