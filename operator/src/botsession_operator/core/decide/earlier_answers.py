"""Rule: what a pass may do on the strength of an answer that the supervisor gave before the pass was wanted.

No pass waits for a supervisor. Where its answer is not in, the pass sends what a user waits for, and leaves the rest to
the pass that comes with the answer. Where a supervisor has been silent for a while, nothing is to be waited for; only
what would be concluded from its silence, and not be taken back, needs one more proof.
"""

from botsession_contract.lifecycle import Cause
from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Observed


def may_apply(observed: Observed, plan: Plan) -> bool:
    """Return whether the whole plan may be carried out."""
    if observed.freshness is not Freshness.EARLIER:
        return True
    return observed.control is NoSnapshot.UNREACHABLE and not concludes_from_silence(observed, plan)


def may_send(plan: Plan) -> bool:
    """Return whether the plan's request to the supervisor may go at once.

    Whatever has happened meanwhile, a user's word and a deadline hold. A pipeline may have started meanwhile.
    """
    if plan.end_request:
        return plan.end_request.cause is not Cause.START_TIMEOUT
    return plan.patch is not None


def concludes_from_silence(observed: Observed, plan: Plan) -> bool:
    """Return whether the plan gives a session up that may be well by now."""
    pod, status = observed.pod, observed.session.status
    gives_up_start = plan.intent is not None and plan.intent.cause is Cause.START_TIMEOUT
    is_new = status is None or status.ending is None
    deletes_pod = plan.delete_pod is not None and pod is not None and not pod.is_deleting
    return (gives_up_start and is_new) or deletes_pod
