"""Rule: what becomes of a pod whose session is being deleted and cannot be read.

Nothing can be recorded of such a session, and nothing of it is wanted any more: its pod ends by itself on the SIGTERM,
as its supervisor was told when it was started.
"""

from datetime import datetime

from botsession_operator.core.decide.plan import ControllerTimeouts, Plan, PodDeletion, forced_deletion
from botsession_operator.core.observe.observed import Pod


def plan_orphan(pod: Pod, now: datetime, timeouts: ControllerTimeouts) -> Plan:
    """Decide how the pod goes: gracefully, and by force where no kubelet sees to it. Its report is for nobody."""
    return Plan(delete_pod=_deletion(pod, now, timeouts), release_pod=pod.has_finalizer)


def _deletion(pod: Pod, now: datetime, timeouts: ControllerTimeouts) -> PodDeletion | None:
    if pod.deletion_requested_by is None:
        return PodDeletion.NORMAL
    return forced_deletion(pod.deletion_requested_by, now, timeouts)
