"""Rule: what a pass may do with an answer that is older than the event that caused the pass.

No pass waits for a supervisor. While a new answer is on its way, a pass only sends a request that a user waits for, and
the pass that the answer causes does the rest. If the supervisor has been silent for a while, no answer is on its way.
Then a pass does everything but one thing: what it concludes from the silence, and cannot undo, needs one more request
without an answer.
"""

from botsession_contract.lifecycle import Cause
from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Observed


def may_apply(observed: Observed, plan: Plan) -> bool:
    """Return whether the pass may carry out the whole plan."""
    if observed.freshness is not Freshness.EARLIER:
        return True
    return observed.snapshot is NoSnapshot.UNREACHABLE and not concludes_from_silence(observed, plan)


def may_send(plan: Plan) -> bool:
    """Return whether the pass may send the plan's request to the supervisor at once.

    A user's request and a deadline hold whatever has happened since the answer. A start timeout may not hold any more,
    because the pipeline may have started since.
    """
    if plan.end_request:
        return plan.end_request.cause is not Cause.START_TIMEOUT
    return plan.patch is not None


def concludes_from_silence(observed: Observed, plan: Plan) -> bool:
    """Return whether the plan gives up a session whose supervisor may answer by now."""
    pod, status = observed.pod, observed.session.status
    gives_up_start = plan.intent is not None and plan.intent.cause is Cause.START_TIMEOUT
    is_new = status is None or status.ending is None
    deletes_pod = plan.delete_pod is not None and pod is not None and not pod.is_deleting
    return (gives_up_start and is_new) or deletes_pod
