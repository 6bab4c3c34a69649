"""Rule: whether a session's pod may be evicted. A PodDisruptionBudget of its own says so.

The eviction API obeys budgets, so one budget stops `kubectl drain`, autoscalers and the descheduler. The budget's name
follows from the session, each pass reads the budget live, and the operator deletes it before it records the finish. So
an operator that takes over from a crashed one finds the budget or creates it, and no finished session has one.
"""

from dataclasses import replace
from enum import Enum, auto
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_operator.api.spec import EvictionPolicy
from botsession_operator.core.observe.observed import Observed, Session

#: An annotation that the cluster-autoscaler obeys, and GKE Autopilot, which ignores a budget sooner than this.
SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"


class BudgetChange(Enum):
    """What the operator does with the budget."""

    CREATE = auto()  # from now on evictions are refused
    DELETE = auto()  # from now on nothing refuses them


def may_have_budget(session: Session) -> bool:
    """Return whether a budget may exist. For a session that has always allowed evictions, a pass does not read one.

    An edit may have allowed evictions just now. A pass deletes the budget before it writes a status for the new
    generation. So while the status has an older generation, a budget may exist, even if an operator crashed in between.
    A deletion of the session raises the generation, too.
    """
    written = session.generation - 1 if session.is_deleting else session.generation
    seen = session.status.observed_generation if session.status else 1
    return session.spec.eviction is not EvictionPolicy.ALLOW or written > seen


def budget_change(observed: Observed) -> BudgetChange | None:
    """Return what to do with the budget of a session that has not been asked to end."""
    if is_protected(observed) == observed.has_budget:
        return None
    return BudgetChange.DELETE if observed.has_budget else BudgetChange.CREATE


def budget_removal(observed: Observed) -> BudgetChange | None:
    """Return what to do with the budget once the session ends or is over: a drain waits no longer than the ladder."""
    return BudgetChange.DELETE if observed.has_budget else None


def with_change(observed: Observed, change: BudgetChange | None) -> Observed:
    """Return the observation as it is after the change."""
    return replace(observed, has_budget=change is BudgetChange.CREATE) if change else observed


def is_protected(observed: Observed) -> bool:
    """Return whether evictions are to be refused."""
    policy = observed.session.spec.eviction
    return policy is EvictionPolicy.NEVER or (policy is EvictionPolicy.WHEN_IDLE and is_in_call(observed))


def is_in_call(observed: Observed) -> bool:
    """Return whether a caller may be in the call; True if the supervisor cannot tell.

    A caller who is quiet is still in the call. While the supervisor is silent, the last known state counts.
    """
    snapshot = observed.snapshot
    if not isinstance(snapshot, SessionSnapshot):
        return observed.has_budget
    has_come = snapshot.client_connected_at is not None or not snapshot.tells_of_clients
    return snapshot.started_at is not None and has_come and snapshot.client_disconnected_at is None


def annotations(policy: EvictionPolicy) -> dict[str, str]:
    """Return the annotations of a new pod. Unlike the budget, they do not follow later edits of the spec."""
    return {SAFE_TO_EVICT: "false"} if policy is EvictionPolicy.NEVER else {}
