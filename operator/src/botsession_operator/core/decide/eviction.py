"""Rule: whether a session's pod may be evicted, which a PodDisruptionBudget of its own decides.

The eviction API asks budgets, so `kubectl drain`, autoscalers and the descheduler are all refused by one. Its name
follows from the session, it is read live, and it goes before anything final is recorded: whoever comes after an
operator that died half-way finds it, or makes it, and no session that is over has one.
"""

from dataclasses import replace
from enum import Enum, auto
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_operator.api.spec import EvictionPolicy
from botsession_operator.core.observe.observed import Observed, Session

#: What the cluster-autoscaler asks of a pod, and GKE Autopilot, which does not wait for budgets as long as for this.
SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"


class BudgetChange(Enum):
    """What becomes of the budget."""

    CREATE = auto()  # from now on evictions are refused
    DELETE = auto()  # from now on nothing refuses them


def may_have_budget(session: Session) -> bool:
    """Return whether there may be a budget to look for; a session that has always allowed evictions costs no look.

    An edit may have allowed them just now. No status is written for a spec before its pass has done away with the
    budget, so the generation on record tells, whatever operator died in between. A deletion counts as a generation too.
    """
    written = session.generation - 1 if session.is_deleting else session.generation
    seen = session.status.observed_generation if session.status else 1
    return session.spec.eviction is not EvictionPolicy.ALLOW or written > seen


def budget_change(observed: Observed) -> BudgetChange | None:
    """Return what the budget of a session needs that nobody has asked to end."""
    if is_protected(observed) == observed.has_budget:
        return None
    return BudgetChange.DELETE if observed.has_budget else BudgetChange.CREATE


def budget_removal(observed: Observed) -> BudgetChange | None:
    """Return what it needs once the session ends, or is over: a drain waits no longer than the ladder."""
    return BudgetChange.DELETE if observed.has_budget else None


def with_change(observed: Observed, change: BudgetChange | None) -> Observed:
    """Return what is known once the change has been made."""
    return replace(observed, has_budget=change is BudgetChange.CREATE) if change else observed


def is_protected(observed: Observed) -> bool:
    """Return whether evictions are to be refused."""
    policy = observed.session.spec.eviction
    return policy is EvictionPolicy.NEVER or (policy is EvictionPolicy.WHEN_IDLE and is_in_call(observed))


def is_in_call(observed: Observed) -> bool:
    """Return whether somebody may be in the call; where nobody can tell, somebody is.

    A caller who says nothing for a while is still there. While the supervisor is silent, what was known stands.
    """
    control = observed.control
    if not isinstance(control, SessionSnapshot):
        return observed.has_budget
    has_come = control.client_connected_at is not None or not control.tells_of_clients
    return control.started_at is not None and has_come and control.client_disconnected_at is None


def annotations(policy: EvictionPolicy) -> dict[str, str]:
    """Return what the pod says of itself from the start; it does not follow edits, as the budget does."""
    return {SAFE_TO_EVICT: "false"} if policy is EvictionPolicy.NEVER else {}
