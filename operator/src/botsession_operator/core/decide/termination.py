"""Rule: who wants a session over, how, and by when.

The first cause that was recorded stands; a mode may be raised from Graceful to Immediate and never falls back. So an
ending is never un-requested, whatever is edited or restarted afterwards.

An end that the bot began is another thing: nobody asked for it, its supervisor bounds it, and another pipeline may
follow. Whoever asks while it is under way takes its place.
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
    """An ending that somebody wants, and since when the operator has known."""

    cause: Cause
    mode: Mode
    requested_at: datetime
    #: Who wanted it, where the cause alone does not tell.
    message: str | None = None

    @property
    def is_from_bot(self) -> bool:
        """Whether nobody wants it but the bot itself."""
        return self.cause in BOT_CAUSES


def end_intent(observed: Observed, timeline: Timeline) -> EndIntent | None:
    """Decide whether the session is to end now, and for which cause."""
    recorded = _recorded(observed, timeline)
    if recorded and recorded.is_from_bot:
        asked = _cause(observed, timeline)
        recorded = recorded if asked is None else None
    cause = recorded.cause if recorded else _cause(observed, timeline)
    if cause is None:
        return None
    mode = _mode(observed, cause, recorded)
    requested_at = recorded.requested_at if recorded else timeline.now
    return EndIntent(cause, mode, requested_at, _message(observed, cause, recorded))


def end_request(observed: Observed, intent: EndIntent) -> EndRequest | None:
    """Return what the supervisor must be told, or None when it knows already."""
    control = observed.control
    if intent.is_from_bot or not isinstance(control, SessionSnapshot) or control.state is BotState.FINISHED:
        return None
    is_asked = control.ending is not None and control.ending.cause not in BOT_CAUSES
    if control.ending and is_asked and (control.ending.mode is intent.mode or control.ending.mode is Mode.IMMEDIATE):
        return None
    shutdown = shutdown_for(observed.session.spec.shutdown, intent.cause)
    return EndRequest(
        mode=intent.mode,
        # A cause that only another version knows can be asked of neither.
        cause=Cause.END_REQUESTED if intent.cause is Cause.UNKNOWN else intent.cause,
        farewell=shutdown.farewell,
        grace_period_seconds=shutdown.grace_period.total_seconds(),
        cancel_period_seconds=shutdown.cancel_period.total_seconds(),
    )


def more_urgent(one: Mode, other: Mode) -> Mode:
    """Return the more urgent of two modes."""
    return Mode.IMMEDIATE if Mode.IMMEDIATE in (one, other) else Mode.GRACEFUL


def _recorded(observed: Observed, timeline: Timeline) -> EndIntent | None:
    """Return the ending that is known of: the first cause, the more urgent mode, and when the ladder began."""
    status = observed.session.status
    asked = status.ending if status else None
    control = observed.control
    if isinstance(control, SessionSnapshot) and control.ending is None and asked and asked.cause in BOT_CAUSES:
        return None  # another pipeline has begun
    if not isinstance(control, SessionSnapshot) or control.ending is None:
        return EndIntent(asked.cause, asked.mode, asked.requested_at, asked.message) if asked else None
    taken = control.ending
    if asked and asked.cause in BOT_CAUSES and taken.cause is not asked.cause:
        asked = None  # its supervisor knows better: somebody may have asked meanwhile
    elif asked and taken.cause in BOT_CAUSES:
        return EndIntent(asked.cause, asked.mode, asked.requested_at, asked.message)  # and has not heard of it
    since = clock_skew.requested_at(
        observed, asked.requested_at if asked else None, taken.requested_at, timeline.clock_skew, timeline.now
    )
    if asked is None:
        return EndIntent(taken.cause, taken.mode, since, taken.note)
    return EndIntent(asked.cause, more_urgent(asked.mode, taken.mode), since, asked.message)


def _cause(observed: Observed, timeline: Timeline) -> Cause | None:
    if observed.session.is_deleting:
        return Cause.DELETED
    if observed.session.spec.end is not EndNow.NO or observed.is_uninstalling:
        return Cause.END_REQUESTED
    if timeline.now < timeline.end_due_at:
        return None
    return Cause.MAX_DURATION if timeline.started_at else Cause.START_TIMEOUT


def _message(observed: Observed, cause: Cause, recorded: EndIntent | None) -> str | None:
    if recorded and recorded.message:
        return recorded.message
    by_user = observed.session.spec.end is not EndNow.NO
    return UNINSTALL_MESSAGE if observed.is_uninstalling and cause is Cause.END_REQUESTED and not by_user else None


def _mode(observed: Observed, cause: Cause, recorded: EndIntent | None) -> Mode:
    spec = observed.session.spec
    if cause is Cause.START_TIMEOUT or spec.end is EndNow.IMMEDIATE:
        return Mode.IMMEDIATE
    if recorded:
        return recorded.mode
    return Mode.GRACEFUL if spec.end is EndNow.GRACEFUL else shutdown_for(spec.shutdown, cause).mode
