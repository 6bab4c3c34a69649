"""Rule: what happens to a pod whose session is being deleted and cannot be parsed.

The operator cannot write a status for such a session, and its user has deleted it. The SIGTERM of the pod's deletion
makes the supervisor walk the ladder that it was started with.
"""

from datetime import datetime

from botsession_operator.core.decide.plan import ControllerTimeouts, Plan, PodDeletion, forced_deletion
from botsession_operator.core.observe.observed import Pod


def plan_orphan(pod: Pod, now: datetime, timeouts: ControllerTimeouts) -> Plan:
    """Return a plan that deletes the pod: gracefully, or by force if no kubelet does. Its report is not needed."""
    return Plan(delete_pod=_deletion(pod, now, timeouts), release_pod=pod.has_finalizer)


def _deletion(pod: Pod, now: datetime, timeouts: ControllerTimeouts) -> PodDeletion | None:
    if pod.deletion_requested_by is None:
        return PodDeletion.NORMAL
    return forced_deletion(pod.deletion_requested_by, now, timeouts)
