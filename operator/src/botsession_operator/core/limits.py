"""Rule: what bounds a conversation, as its supervisor is to know it, at launch and whenever the spec is edited."""

from botsession_contract.control import SessionPatch, SessionSnapshot
from botsession_contract.lifecycle import BotState
from botsession_contract.limits import IdlePrompt, SessionLimits
from botsession_operator.api.spec import Spec
from botsession_operator.core import endings
from botsession_operator.core.observe import Observed


def session_limits(spec: Spec) -> SessionLimits:
    """Give the limits that only the pod can judge, and so strikes itself."""
    prompt = spec.idle.prompt
    return SessionLimits(
        join_timeout_seconds=spec.join_timeout.total_seconds(),
        idle_timeout_seconds=None if spec.idle_timeout is None else spec.idle_timeout.total_seconds(),
        idle_frames=spec.idle.frames,
        idle_prompt=IdlePrompt(prompt.after.total_seconds(), prompt.text) if prompt else None,
    )


def news_for_supervisor(observed: Observed) -> SessionPatch | None:
    """Give what the spec has moved and the supervisor does not know yet.

    A runtime that tells no limits is from before there were any, and would refuse a request that has some.
    """
    control, deadline = observed.control, endings.deadline(observed)
    if not isinstance(control, SessionSnapshot) or control.state is not BotState.RUNNING:
        return None
    limits = session_limits(observed.session.spec)
    patch = SessionPatch(
        deadline=deadline if deadline != control.deadline else None,
        limits=limits if control.limits not in (None, limits) else None,
    )
    return patch if patch != SessionPatch() else None
