"""What a pass reads from a session's supervisor, and what it sends there."""

from typing import Final

from loguru import logger as log

from botsession_operator.core.decide.plan import Plan
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Pod, PodState, Reading, Session
from botsession_operator.reconcile.deps import Deps

#: For a supervisor that does not run, or of a session that is finished.
NO_SUPERVISOR: Final = Reading(NoSnapshot.NOT_ASKED, Freshness.CURRENT)


def read_supervisor(session: Session, pod: Pod | None, deps: Deps) -> Reading:
    """Return what is known of the session's supervisor; NO_SUPERVISOR where none runs or none is needed."""
    if session.is_finished:
        deps.refusals.forget(session.key)
    if pod is None or session.is_finished or pod.state is not PodState.RUNNING or pod.address is None:
        deps.supervisors.forget(session.key)
        return NO_SUPERVISOR
    return deps.supervisors.read(session.key, pod, _token(session, pod, deps))


async def send_control_requests(plan: Plan, pod: Pod, session: Session, deps: Deps) -> None:
    """Send the end request or the new limits of a plan; the supervisor's answer starts another pass."""
    if plan.end_request:
        log.info("end requested", cause=plan.end_request.cause, mode=plan.end_request.mode)
        await deps.supervisors.end(session.key, pod, _token(session, pod, deps), plan.end_request)
    elif plan.patch:
        await deps.supervisors.adjust(session.key, pod, _token(session, pod, deps), plan.patch)


def _token(session: Session, pod: Pod, deps: Deps) -> str:
    return deps.control_keys.token(session.uid, pod.token_sha256)
