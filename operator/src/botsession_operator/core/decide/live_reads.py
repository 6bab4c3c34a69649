"""Rule: which plans, made from what the watches brought, are made again from live reads before they are carried out.

What a watch brought may be some seconds old. Each write names the version, or the UID, that it is meant for, so that an
old view costs a Conflict and no more. That does not help where something is *not* there, where the write goes to a
supervisor or a webhook, which know no versions, and where a pod is deleted for what it has not done yet.
"""

from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe.observed import NoSnapshot, Observed, PodState


def are_needed(observed: Observed, plan: Plan, *, is_new: bool) -> bool:
    """Return whether the plan must be made again from live reads.

    `is_new` is a session that this operator has seen being created: nothing can have happened to it that this operator
    has not done. Its pod is created at once.
    """
    is_over = observed.pod is not None and observed.pod.state is PodState.TERMINATED
    ends_or_deletes = bool(plan.final_result or plan.delete_pod) and not is_over
    lets_go = plan.release_session or plan.delete_session
    is_silent = observed.snapshot is NoSnapshot.UNREACHABLE
    creates = plan.create_pod and not is_new
    tells_others = bool(plan.end_request or plan.patch or plan.deliver)
    return creates or ends_or_deletes or lets_go or is_silent or tells_others
