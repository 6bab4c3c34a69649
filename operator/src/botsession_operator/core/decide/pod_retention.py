"""Rule: whether a finished session's pod is kept, for its logs."""

from botsession_contract.lifecycle import Phase
from botsession_operator.api.spec import PodRetention
from botsession_operator.core.observe.observed import Pod, Session


def is_kept(session: Session, pod: Pod) -> bool:
    """Return whether the pod stays beside its finished session.

    The pod of a session that is being deleted goes, too, so that nothing is left when its name is free again. A pod
    that is being deleted goes in any case: a deletion cannot be undone.
    """
    if session.is_deleting or pod.is_deleting:
        return False
    if session.spec.pod_retention is PodRetention.ON_FAILURE:
        return session.status is not None and session.status.phase is Phase.FAILED
    return session.spec.pod_retention is PodRetention.ALWAYS
