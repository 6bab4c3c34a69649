"""Rule: when a supervisor must learn that its pod has less time left than its spec says.

A SIGTERM does not say how long until the SIGKILL. The supervisor expects the grace period of its pod's spec. An
eviction may set a shorter one, for example `kubectl drain --grace-period=30` or the loss of a spot node. The pod's
deletionTimestamp shows that, and only the operator reads it.
"""

from datetime import datetime, timedelta
from typing import Final

from botsession_contract.control import EndRequest, SessionSnapshot
from botsession_contract.lifecycle import BotState, Mode
from botsession_contract.report import Ending
from botsession_operator.core.decide.shutdown import shutdown_for
from botsession_operator.core.observe.observed import Observed

#: Reserved for the stack dump, the SIGKILL and the report. API servers truncate times to the second.
REPORT_TIME: Final = timedelta(seconds=3)


def fit_into_grace(observed: Observed, now: datetime) -> EndRequest | None:
    """Return the ending that is under way with periods that fit into the time left; None if its own periods fit."""
    pod, ending = observed.pod, _ending(observed)
    if ending is None or pod is None or pod.deletion_requested_by is None:
        return None
    shutdown = shutdown_for(observed.session.spec.shutdown, ending.cause)
    grace = shutdown.grace_period if ending.mode is Mode.GRACEFUL else timedelta(0)
    ladder, killed_at = grace + shutdown.cancel_period, pod.deletion_requested_by - REPORT_TIME
    if ending.requested_at + ladder <= killed_at:
        return None
    share = max(killed_at - now, timedelta(0)) / ladder
    return EndRequest(
        mode=ending.mode,
        cause=ending.cause,
        grace_period_seconds=round(grace.total_seconds() * share, 3),
        cancel_period_seconds=round(shutdown.cancel_period.total_seconds() * share, 3),
    )


def _ending(observed: Observed) -> Ending | None:
    snapshot = observed.snapshot
    if not isinstance(snapshot, SessionSnapshot) or snapshot.state is BotState.FINISHED:
        return None
    return snapshot.ending
